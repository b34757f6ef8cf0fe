// Draws what Python decided: cards and frames, on vis-network's canvas. Put before canvas.js, and into pages.

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
      ctx.roundRect(left, top, style.width, style.height, 6);
      ctx.fillStyle = style.paper;
      ctx.fill();
      ctx.lineWidth = state.selected ? 4 : state.hover ? 2.5 : 1.5;
      ctx.strokeStyle = state.selected ? style.ink : data.colour;
      ctx.stroke();
      ctx.fillStyle = data.colour;
      ctx.fillRect(left, top + 2, style.band, style.height - 4);
      ctx.textBaseline = "alphabetic";
      ctx.textAlign = "left";
      const first = top + (data.note ? 18 : 24);
      const lines = [
        [data.title, `600 14px ${style.font}`, style.ink, 0],
        [data.label, `12px ${style.font}`, style.grey, 16],
        [data.note, `11px ${style.font}`, style.ink, 31],
      ];
      for (const [text, font, colour, down] of lines) {
        ctx.font = font;
        ctx.fillStyle = colour;
        ctx.fillText(text, left + 18, first + down);
      }
      ctx.restore();
    },
    nodeDimensions: { width: scene().style.width, height: scene().style.height },
  });
}

// Frames are as large as the cards in them ask for, where these stand now.
function drawFrames(ctx, { frames, style }, network) {
  ctx.save();
  for (const { title, services } of frames) {
    const places = Object.values(network.getPositions(services));
    if (!places.length) continue;
    const xs = places.map(({ x }) => x);
    const ys = places.map(({ y }) => y);
    const left = Math.min(...xs) - style.width / 2 - style.margin;
    const top = Math.min(...ys) - style.height / 2 - style.margin - style.head;
    const right = Math.max(...xs) + style.width / 2 + style.margin;
    const bottom = Math.max(...ys) + style.height / 2 + style.margin;
    ctx.beginPath();
    ctx.roundRect(left, top, right - left, bottom - top, 10);
    ctx.setLineDash(style.dash);
    ctx.lineWidth = 1.2;
    ctx.strokeStyle = ctx.fillStyle = style.grey;
    ctx.stroke();
    ctx.font = `600 12px ${style.font}`;
    ctx.textBaseline = "alphabetic";
    ctx.textAlign = "left";
    let shown = title;
    for (let end = title.length; end && ctx.measureText(shown).width > right - left - 20; end--)
      shown = `${title.slice(0, end - 1)}\u2026`;
    ctx.fillText(shown, left + 12, top + 20);
  }
  ctx.restore();
}
