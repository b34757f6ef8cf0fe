// Draws what Python decided: cards and frames, on vis-network's canvas.

// vis-network keeps the first renderer of a node: it looks up what to draw, each time.
function renderer(scene) {
  return ({ ctx, id, x, y, state }) => ({
    drawNode() {
      const { style, cards } = scene();
      const data = cards.find((card) => card.id === id);
      if (!data) return;
      const left = x - style.width / 2;
      const top = y - style.height / 2;
      ctx.save();
      ctx.beginPath();
      ctx.roundRect(left, top, style.width, style.height, 8);
      ctx.fillStyle = style.paper;
      ctx.fill();
      ctx.lineWidth = state.selected ? 4 : state.hover ? 2.5 : 1.5;
      ctx.strokeStyle = state.selected ? style.ink : style.edge;
      ctx.stroke();
      drawTile(ctx, data, left + style.inset, y - style.tile / 2, style);
      ctx.textBaseline = "alphabetic";
      ctx.textAlign = "left";
      const first = top + (data.note ? 21 : 28);
      const lines = [
        [data.title, `600 14px ${style.font}`, style.ink, 0],
        [data.label, `12px ${style.font}`, style.grey, 16],
        [data.note, `11px ${style.font}`, style.ink, 31],
      ];
      for (const [text, font, colour, down] of lines) {
        ctx.font = font;
        ctx.fillStyle = colour;
        ctx.fillText(text, left + style.indent, first + down);
      }
      ctx.restore();
    },
    nodeDimensions: { width: scene().style.width, height: scene().style.height },
  });
}

function drawTile(ctx, { colour, icon }, left, top, { tile, paper, icon: scale }) {
  ctx.save();
  ctx.beginPath();
  ctx.roundRect(left, top, tile, tile, 6);
  ctx.fillStyle = colour;
  ctx.fill();
  ctx.translate(left + 4, top + 4);
  ctx.scale(scale, scale);
  ctx.lineWidth = 1.9;
  ctx.lineCap = ctx.lineJoin = "round";
  ctx.strokeStyle = paper;
  ctx.stroke(new Path2D(icon));
  ctx.restore();
}

// Left, top, right and bottom of cards where they stand now, with as much room around them; null without any.
function around(services, { style }, network, room, head) {
  const places = Object.values(network.getPositions(services));
  if (!places.length) return null;
  const xs = places.map(({ x }) => x);
  const ys = places.map(({ y }) => y);
  const [right, down] = [style.width / 2 + room, style.height / 2 + room];
  return [Math.min(...xs) - right, Math.min(...ys) - down - head, Math.max(...xs) + right, Math.max(...ys) + down];
}

function frameBoxes(scene, network) {
  const { margin, head } = scene.style;
  return scene.frames.map(({ services }) => around(services, scene, network, margin, head));
}

function drawFrames(ctx, scene, network) {
  const { frames, style } = scene;
  ctx.save();
  frameBoxes(scene, network).forEach((box, k) => {
    if (!box) return;
    const [left, top, right, bottom] = box;
    ctx.beginPath();
    ctx.roundRect(left, top, right - left, bottom - top, 10);
    ctx.setLineDash(style.dash);
    ctx.lineWidth = 1.2;
    ctx.strokeStyle = ctx.fillStyle = style.grey;
    ctx.stroke();
    ctx.font = `600 12px ${style.font}`;
    ctx.textBaseline = "alphabetic";
    ctx.textAlign = "left";
    const { title } = frames[k];
    let shown = title;
    for (let end = title.length; end && ctx.measureText(shown).width > right - left - 20; end--)
      shown = `${title.slice(0, end - 1)}\u2026`;
    ctx.fillText(shown, left + 12, top + 20);
  });
  ctx.restore();
}

// vis-network's own fit sees neither frames nor how large a card is.
function fitAll(scene, network, stage) {
  const boxes = [around(undefined, scene, network, 8, 0), ...frameBoxes(scene, network)].filter(Boolean);
  if (!boxes.length || !stage.clientWidth) return;
  const [left, top, right, bottom] = [0, 1, 2, 3].map((k) => {
    const values = boxes.map((box) => box[k]);
    return k < 2 ? Math.min(...values) : Math.max(...values);
  });
  const scale = Math.min(1.25, stage.clientWidth / (right - left + 16), stage.clientHeight / (bottom - top + 16));
  network.moveTo({ position: { x: (left + right) / 2, y: (top + bottom) / 2 }, scale });
}
