// Draws the scene that Python holds, with vis-network (`vis`, put before this file), and reports gestures.

const FONT = "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif";
const OPTIONS = {
  physics: false,
  layout: { improvedLayout: false },
  interaction: { hover: true, multiselect: false, selectConnectedEdges: false, zoomSpeed: 0.6 },
  nodes: { shape: "custom" },
  edges: { arrows: { to: { scaleFactor: 0.7 } }, selectionWidth: 2, hoverWidth: 1 },
};

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
        [data.title, `600 14px ${FONT}`, style.ink, 0],
        [data.label, `12px ${FONT}`, style.grey, 16],
        [data.note, `11px ${FONT}`, style.ink, 31],
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

function drawn(scene, ctxRenderer) {
  const nodes = scene.cards.map((data) => ({
    id: data.id,
    x: data.x,
    y: data.y,
    title: `${data.id}: ${data.label}`,
    ctxRenderer,
  }));
  const edges = [];
  for (const wire of scene.wires) {
    const look = {
      color: { color: wire.colour, highlight: wire.colour, hover: wire.colour },
      dashes: wire.dash.length ? wire.dash : false,
      width: wire.width,
      font: { face: FONT, size: 11, color: wire.colour, strokeWidth: 4, strokeColor: scene.style.paper },
      smooth: wire.bend
        ? { enabled: true, type: "curvedCW", roundness: wire.bend }
        : { enabled: true, type: "cubicBezier", forceDirection: "horizontal", roundness: 0.5 },
    };
    // A link over several layers passes them at places without a card: nodes that nobody sees or holds.
    const stops = [wire.from];
    wire.via.forEach(([x, y], k) => {
      const id = `${wire.id}\n${k}`;
      nodes.push({ id, x, y, shape: "dot", size: 0.1, fixed: true, chosen: false, color: wire.colour, passes: wire.id });
      stops.push(id);
    });
    stops.push(wire.to);
    for (let k = 0; k + 1 < stops.length; k++) {
      const last = k + 2 === stops.length;
      const arrows = { to: { enabled: last } };
      const label = k === 0 ? wire.text : undefined;
      edges.push({ ...look, id: `${wire.id}\n${k}`, from: stops[k], to: stops[k + 1], label, arrows });
    }
  }
  return { nodes, edges };
}

function replace(dataset, items) {
  const ids = new Set(items.map((item) => item.id));
  dataset.remove(dataset.getIds().filter((id) => !ids.has(id)));
  dataset.update(items);
}

function element(kind, parent, attributes) {
  const made = parent.appendChild(document.createElement(kind));
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const NEXT = {
  ArrowRight: (dx, dy) => dx > 0 && dx + 2 * Math.abs(dy),
  ArrowLeft: (dx, dy) => dx < 0 && -dx + 2 * Math.abs(dy),
  ArrowDown: (dx, dy) => dy > 0 && dy + 2 * Math.abs(dx),
  ArrowUp: (dx, dy) => dy < 0 && -dy + 2 * Math.abs(dx),
};

function render({ model, el }) {
  const frame = element("div", el, { class: "chainkit-canvas" });
  const stage = element("div", frame, { class: "chainkit-drawing", tabindex: "0", role: "application" });
  const said = element("div", frame, { class: "chainkit-said", "aria-live": "polite" });
  const buttons = element("div", frame, { class: "chainkit-buttons" });
  const nodes = new vis.DataSet();
  const edges = new vis.DataSet();
  stage.style.height = `${model.get("scene").height}px`;
  const network = new vis.Network(stage, { nodes, edges }, OPTIONS);
  const scene = () => model.get("scene");
  const draw = renderer(scene);

  const fit = () => network.fit({ maxZoomLevel: 1.25 });
  const zoom = (factor) => network.moveTo({ scale: network.getScale() * factor });
  for (const [text, label, act] of [
    ["+", "Zoom in", () => zoom(1.25)],
    ["\u2212", "Zoom out", () => zoom(0.8)],
    ["Fit", "Show all of it", fit],
  ]) {
    const button = element("button", buttons, { type: "button", title: label, "aria-label": label });
    button.textContent = text;
    button.addEventListener("click", act);
  }

  const showSelection = () => {
    const key = model.get("selected");
    const own = edges.getIds().filter((id) => id.split("\n")[0] === key);
    const card = nodes.get(key) ? [key] : [];
    network.setSelection({ nodes: card, edges: own }, { highlightEdges: false });
    said.textContent = key || "Arrows select a service, + and - zoom, F fits, Delete removes";
  };
  const showScene = () => {
    const { nodes: cards, edges: wires } = drawn(scene(), draw);
    const isOther = cards.length !== nodes.length;
    stage.style.height = `${scene().height}px`;
    replace(edges, []);
    replace(nodes, cards);
    replace(edges, wires);
    stage.setAttribute("aria-label", `Canvas of chain ${scene().name}, ${scene().cards.length} services`);
    showSelection();
    if (isOther) fit();
  };
  const select = (key) => {
    model.set("selected", key);
    model.save_changes();
  };

  network.on("click", (event) => {
    const card = event.nodes.find((id) => !id.includes("\n"));
    select(card ?? (event.edges[0] ?? event.nodes[0] ?? "").split("\n")[0]);
    stage.focus({ preventScroll: true });
  });
  network.on("dragEnd", (event) => {
    if (!event.nodes.length) return;
    const places = network.getPositions(scene().cards.map((card) => card.id));
    const move = Object.fromEntries(Object.entries(places).map(([id, { x, y }]) => [id, [x, y]]));
    model.send({ kind: "move", places: move });
    select(event.nodes[0]);
  });
  stage.addEventListener("keydown", (event) => {
    const key = model.get("selected");
    const acts = {
      "+": () => zoom(1.25),
      "-": () => zoom(0.8),
      f: fit,
      Escape: () => select(""),
      Delete: () => key && model.send({ kind: "remove", key }),
    };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in NEXT) {
      const cards = scene().cards;
      const from = cards.find((card) => card.id === key);
      const near = (card) => NEXT[event.key](card.x - from.x, card.y - from.y);
      const found = from ? cards.filter((card) => near(card)).sort((a, b) => near(a) - near(b))[0] : cards[0];
      if (found) select(found.id);
    } else if (event.key in acts) acts[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has commands on the same keys
  });

  // A cell that is folded away has no width yet: fit when it gets one.
  let width = 0;
  const observer = new ResizeObserver(() => {
    if (!width && stage.clientWidth) {
      network.redraw();
      fit();
    }
    width = stage.clientWidth;
  });
  observer.observe(stage);
  model.on("change:scene", showScene);
  model.on("change:selected", showSelection);
  showScene();
  return () => {
    observer.disconnect();
    model.off("change:scene", showScene);
    model.off("change:selected", showSelection);
    network.destroy();
  };
}

export default { render };
