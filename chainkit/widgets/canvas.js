// Draws the scene that Python holds, with vis-network (`vis`) and scene.js, put before this file; reports gestures.

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
  const network = new vis.Network(stage, { nodes, edges }, model.get("scene").options);
  const scene = () => model.get("scene");
  const ctxRenderer = renderer(scene);

  const fit = () => fitAll(scene(), network, stage);
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
    const drawn = scene().nodes.map((node) => (node.shape === "custom" ? { ...node, ctxRenderer } : node));
    const isOther = drawn.length !== nodes.length;
    stage.style.height = `${scene().height}px`;
    replace(edges, []);
    replace(nodes, drawn);
    replace(edges, scene().edges);
    stage.setAttribute("aria-label", `Canvas of chain ${scene().name}, ${scene().cards.length} services`);
    showSelection();
    if (isOther) fit();
  };
  const select = (key) => {
    model.set("selected", key);
    model.save_changes();
  };

  network.on("beforeDrawing", (ctx) => drawFrames(ctx, scene(), network));
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
