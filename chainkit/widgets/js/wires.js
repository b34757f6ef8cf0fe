// How a link runs from card to card: the same curves as in pictures.py.

const TURN = 56;

// To the right; or down, where layers stand below each other.
export function route(from, to, lane, shift, { width, height, isDown }, isSame) {
  if (!isDown) return across(from, to, lane, shift, { width, height }, isSame);
  const turned = ([x, y]) => [y, x];
  return across(turned(from), turned(to), lane.map(turned), shift, { width: height, height: width }, isSame).map(
    turned,
  );
}

function across([ax, ay], [bx, by], lane, shift, { width, height }, isSame) {
  const halfWidth = width / 2;
  const halfHeight = height / 2;
  if (isSame) {
    const top = ay - halfHeight;
    return [
      [ax + 30, top],
      [ax + 45, top - 45 - shift],
      [ax - 45, top - 45 - shift],
      [ax - 30, top],
    ];
  }
  if (bx - ax >= width + 20) {
    const points = [[ax + halfWidth, ay + shift]];
    for (const [x, y] of lane) {
      points.push(...level(points.at(-1), [x - halfWidth, y + shift]), [x, y + shift], [x, y + shift]);
      points.push([x + halfWidth, y + shift]);
    }
    return [...points, ...level(points.at(-1), [bx - halfWidth, by + shift])];
  }
  if (lane.length) return back([ax + halfWidth, ay], [bx - halfWidth, by], lane[0][0] + halfWidth, lane[0][1] + shift);
  if (Math.abs(by - ay) >= height + 20 && Math.abs(bx - ax) < width + 20) {
    const way = Math.sign(by - ay) * halfHeight;
    const middle = (ay + by) / 2;
    return [
      [ax + shift, ay + way],
      [ax + shift, middle],
      [bx + shift, middle],
      [bx + shift, by - way],
    ];
  }
  const below = Math.max(ay, by) + halfHeight + 60 + shift;
  return [
    [ax, ay + halfHeight],
    [ax, below],
    [bx, below],
    [bx, by + halfHeight],
  ];
}

// Turns round, goes back, and turns into the end.
function back(start, end, far, y) {
  const points = [start];
  if (far > start[0]) points.push(...level(start, [far, start[1]]));
  const [x] = points.at(-1);
  points.push([x + TURN, start[1]], [x + TURN, y], [x, y], ...level([x, y], [end[0], y]));
  return [...points, [end[0] - TURN, y], [end[0] - TURN, end[1]], end];
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
  return [
    [x, y],
    [bx - half * uy, by + half * ux],
    [bx + half * uy, by - half * ux],
  ]
    .map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`)
    .join(" ");
}

// Where its words stand: in the middle of its first curve, above it where that is level; or at a share of that curve.
export function middle(points, share) {
  const [[ax, ay], [bx, by], [cx, cy], [dx, dy]] = points;
  if (share !== undefined) {
    const [u, v] = [1 - share, share];
    const at = (a, b, c, d) => u ** 3 * a + 3 * u * u * v * b + 3 * u * v * v * c + v ** 3 * d;
    return [at(ax, bx, cx, dx), at(ay, by, cy, dy)];
  }
  const above = Math.abs(dy - ay) < 12 && by === ay ? 9 : 0;
  return [(ax + 3 * bx + 3 * cx + dx) / 8, (ay + 3 * by + 3 * cy + dy) / 8 - above];
}
