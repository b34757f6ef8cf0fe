// How a link runs from card to card: the same curves as in pictures.py.

export function route([ax, ay], [bx, by], lane, shift, { width, height }, isSame) {
  const halfWidth = width / 2;
  const halfHeight = height / 2;
  if (isSame) {
    const top = ay - halfHeight;
    return [[ax + 30, top], [ax + 45, top - 45 - shift], [ax - 45, top - 45 - shift], [ax - 30, top]];
  }
  if (bx - ax >= width + 20) {
    const points = [[ax + halfWidth, ay + shift]];
    for (const [x, y] of lane) {
      points.push(...level(points.at(-1), [x - halfWidth, y + shift]), [x, y + shift], [x, y + shift]);
      points.push([x + halfWidth, y + shift]);
    }
    return [...points, ...level(points.at(-1), [bx - halfWidth, by + shift])];
  }
  if (Math.abs(by - ay) >= height + 20 && Math.abs(bx - ax) < width + 20) {
    const way = Math.sign(by - ay) * halfHeight;
    const middle = (ay + by) / 2;
    return [[ax + shift, ay + way], [ax + shift, middle], [bx + shift, middle], [bx + shift, by - way]];
  }
  const below = Math.max(ay, by) + halfHeight + 60 + shift;
  return [[ax, ay + halfHeight], [ax, below], [bx, below], [bx, by + halfHeight]];
}

function level(start, end) {
  const middle = (start[0] + end[0]) / 2;
  return [[middle, start[1]], [middle, end[1]], end];
}

export function asPath(points) {
  const [start, ...rest] = points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`);
  return `M ${start} C ${rest.join(" ")}`;
}

export function arrow(points, length = 11) {
  const [[cx, cy], [x, y]] = points.slice(-2);
  const away = Math.hypot(x - cx, y - cy) || 1;
  const [ux, uy] = [(x - cx) / away, (y - cy) / away];
  const [bx, by, half] = [x - length * ux, y - length * uy, length * 0.42];
  return [[x, y], [bx - half * uy, by + half * ux], [bx + half * uy, by - half * ux]]
    .map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`)
    .join(" ");
}

// Where its words stand: in the middle of its first curve, above it where that is level.
export function middle(points) {
  const [[ax, ay], [bx, by], [cx, cy], [dx, dy]] = points;
  const above = Math.abs(dy - ay) < 12 && by === ay ? 9 : 0;
  return [(ax + 3 * bx + 3 * cx + dx) / 8, (ay + 3 * by + 3 * cy + dy) / 8 - above];
}
