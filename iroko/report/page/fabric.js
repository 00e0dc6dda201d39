// The fabric: each link two lines, one for each port, coloured and thickened by load, with its queue as a circle at the sending end.

const SPEED_MS = 90;
const LONGEST_PLAY_MS = 14000;

async function unpack(recording, numPorts) {
  const text = atob(recording.data);
  const packed = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  const frames = recording.ends.length;
  const cells = numPorts * frames;
  const planes = Object.fromEntries(["mean", "peak", "drops", "marks"].map((name, index) => [name, new Uint32Array(buffer, index * 4 * cells, cells)]));
  return { ...planes, load: new Uint16Array(buffer, 16 * cells, cells), frames };
}

function sizeText(bytes) {
  return bytes >= 1e6 ? `${format(bytes / 1e6)} MB` : bytes >= 1e3 ? `${format(bytes / 1e3)} kB` : `${format(bytes)} B`;
}

const shareText = (load) => `${(load / 100).toFixed(1)}%`;

class FabricView {
  constructor(host, spec, inks) {
    Object.assign(this, { host, spec, inks, frame: 0, port: null, view: null, timer: null, unpacked: new Map() });
    this.build();
    this.choose("scenario");
  }

  build() {
    const { host } = this;
    const controls = host.appendChild(make("div", { class: "controls" }));
    const select = (name) => {
      const node = make("select", { "data-choice": name });
      controls.append(make("label", {}, name, node));
      node.addEventListener("change", () => this.choose(name));
      return node;
    };
    this.selects = { scenario: select("scenario"), scheme: select("scheme"), seed: select("seed"), episode: select("episode") };
    this.playButton = controls.appendChild(make("button", { type: "button", class: "play" }, "▶ Play"));
    this.playButton.addEventListener("click", () => (this.timer ? this.pause() : this.play()));
    this.slider = make("input", { type: "range", min: 0, max: 0, step: 1, value: 0, id: "fabric-time" });
    this.clock = make("output", { for: "fabric-time" });
    controls.append(make("label", { class: "time" }, make("span", {}, "time ", this.clock), this.slider));
    this.slider.addEventListener("input", () => { this.pause(); this.show(Number(this.slider.value)); });
    this.frameBox = host.appendChild(make("div", { class: "fabric" }));
    this.svg = draw(this.frameBox, "svg", { role: "group", tabindex: 0 });
    this.tip = this.frameBox.appendChild(make("div", { class: "tip", "aria-hidden": "true" }));
    const tools = controls.appendChild(make("div", { class: "bar zooms", role: "group", "aria-label": "Zoom of the drawing" }));
    for (const [text, name, act] of [["+", "Zoom in", () => this.zoomBy(0.6)], ["−", "Zoom out", () => this.zoomBy(1 / 0.6)], ["⟲", "Show all", () => this.zoomBy(0)]]) {
      tools.appendChild(make("button", { type: "button", class: "zoom", "aria-label": name, title: name }, text)).addEventListener("click", act);
    }
    this.scale = host.appendChild(make("div", { class: "scale" }));
    const below = host.appendChild(make("div", { class: "below" }));
    this.busiest = below.appendChild(make("div"));
    this.history = below.appendChild(make("figure", { class: "chart" }));
    this.historyTitle = make("b");
    this.historyNote = make("span");
    this.history.append(make("figcaption", {}, this.historyTitle, " ", this.historyNote));
    this.historyChart = null;
    onWidth(this.frameBox, () => this.layOut());
    this.listen();
  }

  // Which recording: each choice keeps the later ones where it can.
  choose(changed) {
    const levels = ["scenario", "scheme", "seed", "episode"];
    let left = this.spec.recordings;
    for (const level of levels) {
      const node = this.selects[level];
      const wanted = node.value;
      const options = [...new Map(left.map((one) => [String(level === "scheme" ? one.ink : one[level]), one])).entries()];
      node.replaceChildren(...options.map(([value, one]) => make("option", { value }, level === "scenario" ? this.spec.scenarios[one.scenario].name
        : level === "scheme" ? one.scheme : level === "episode" ? String(one.episode + 1) : String(one.seed))));
      node.value = options.some(([value]) => value === wanted) ? wanted : options[0][0];
      node.parentElement.hidden = level === "scenario" && options.length < 2;
      node.disabled = options.length < 2;
      left = left.filter((one) => String(level === "scheme" ? one.ink : one[level]) === node.value);
    }
    this.load(left[0], changed === "scenario");
  }

  async load(recording, isNewScenario) {
    this.wanted = recording;
    const planes = await this.planes(recording);
    const largest = isNewScenario ? await this.largestQueue(recording.scenario) : this.largest;
    // Another choice may have been made meanwhile; what is drawn changes in one go.
    if (this.wanted !== recording) return;
    Object.assign(this, { recording, largest, scenario: this.spec.scenarios[recording.scenario], data: planes });
    if (isNewScenario) Object.assign(this, { port: null, view: null });
    if (this.port === null) this.port = this.rank((port) => this.total("mean", port))[0];
    this.frame = isNewScenario ? this.worstFrame() : Math.min(this.frame, planes.frames - 1);
    this.slider.max = planes.frames - 1;
    this.layOut();
    this.drawHistory();
  }

  async planes(recording) {
    if (!this.unpacked.has(recording)) this.unpacked.set(recording, unpack(recording, this.spec.scenarios[recording.scenario].ports.length));
    return this.unpacked.get(recording);
  }

  // One scale of queues for all schemes of a scenario, so that their circles compare.
  async largestQueue(scenario) {
    let largest = 1514;
    for (const recording of this.spec.recordings.filter((one) => one.scenario === scenario)) {
      const { mean } = await this.planes(recording);
      const { ports } = this.spec.scenarios[scenario];
      const frames = recording.ends.length;
      ports.forEach((port, index) => { if (port[4]) for (let at = index * frames; at < (index + 1) * frames; at++) largest = Math.max(largest, mean[at]); });
    }
    return largest;
  }

  // The frame with the longest queue of all ports.
  worstFrame() {
    const { frames } = this.data;
    const longest = (frame) => this.scenario.ports.reduce((most, port, index) => (port[4] ? Math.max(most, this.at("mean", index, frame)) : most), 0);
    const lengths = Array.from({ length: frames }, (_, frame) => longest(frame));
    return lengths.indexOf(Math.max(...lengths));
  }

  at(name, port, frame = this.frame) { return this.data[name][port * this.data.frames + frame]; }

  // Over the whole recording: sums of packets, means in time of the rest, the highest peak.
  total(name, port) {
    const { spans } = this.recording;
    let [sum, time] = [0, 0];
    for (let frame = 0; frame < this.data.frames; frame++) {
      const value = this.at(name, port, frame);
      if (name === "peak") sum = Math.max(sum, value);
      else if (name === "drops" || name === "marks") sum += value;
      else { sum += value * spans[frame]; time += spans[frame]; }
    }
    return time ? sum / time : sum;
  }

  rank(value) {
    const ports = this.scenario.ports.map((port, index) => index).filter((index) => this.scenario.ports[index][4]);
    return ports.map((port) => [value(port), port]).sort((one, other) => other[0] - one[0] || one[1] - other[1]).map(([, port]) => port);
  }

  portName(port) { return `${this.scenario.ports[port][0]} → ${this.scenario.ports[port][1]}`; }

  // Drawing.

  layOut() {
    if (!this.data) return;
    const width = Math.max(260, this.frameBox.clientWidth);
    const { layout, nodes, ports, hosts } = this.scenario;
    const levels = new Set(nodes.map((node) => node[2])).size;
    const crowd = Math.max(...[...new Set(nodes.map((node) => node[2]))].map((y) => nodes.filter((node) => node[2] === y).length));
    const height = layout === "layers" ? clamp(70 + (levels - 1) * width * 0.17, 150 + 45 * (levels - 1), 560)
      : layout === "sides" ? clamp(Math.max(width * 0.34, hosts * 22), 190, 520) : clamp(width * 0.75, 300, 720);
    const margin = { x: layout === "layers" ? Math.min(30, width / crowd) : 34, top: 30, bottom: 34 };
    const place = new Map(nodes.map(([name, x, y]) => [name, [margin.x + x * (width - 2 * margin.x), margin.top + (1 - y) * (height - margin.top - margin.bottom)]]));
    const gap = layout === "layers" ? (width - 2 * margin.x) / crowd : 40;
    // Numbers of a k=8 fat-tree need thinner lines than those of a dumbbell.
    this.unit = clamp(gap / 22, 0.28, 1.25);
    Object.assign(this, { width, height, place });
    this.svg.replaceChildren();
    this.setView();
    this.svg.setAttribute("height", height);
    const [halos, lines, queues, hits] = ["g", "g", "g", "g"].map((name) => draw(this.svg, name));
    this.halos = halos;
    this.shapes = ports.map(([owner, peer, , , isSwitch], port) => {
      const [[x1, y1], [x2, y2]] = this.beside(place.get(owner), place.get(peer));
      const ends = { x1, y1, x2, y2 };
      const line = draw(lines, "line", { class: "port idle", ...ends });
      const [cx, cy] = [x1 + (x2 - x1) * 0.2, y1 + (y2 - y1) * 0.2];
      const queue = isSwitch ? draw(queues, "circle", { class: "queue", cx, cy, r: 0 }) : null;
      draw(hits, "line", { class: "hit", "data-port": port, "stroke-width": Math.max(4, 7 * this.unit), ...ends });
      return { line, queue, ends };
    });
    this.drawNodes(nodes, hosts, gap);
    this.show(this.frame);
  }

  // On the right-hand side of its direction.
  beside([x1, y1], [x2, y2]) {
    const length = Math.hypot(x2 - x1, y2 - y1) || 1;
    const [dx, dy] = [(-(y2 - y1) / length) * 2.6 * this.unit, ((x2 - x1) / length) * 2.6 * this.unit];
    return [[x1 + dx, y1 + dy], [x2 + dx, y2 + dy]];
  }

  drawNodes(nodes, hosts, gap) {
    const group = draw(this.svg, "g");
    const size = clamp(gap * 0.3, 1.6, 11);
    const widest = Math.max(...nodes.slice(0, hosts).map(([name]) => shorten(name, 8).length)) * 6.8 + 3;
    nodes.forEach(([name], index) => {
      const [x, y] = this.place.get(name);
      const isHost = index < hosts;
      const named = gap >= (isHost ? widest : 15) || !isHost && nodes.filter((node) => node[2] === nodes[index][2]).length * 30 < this.width;
      if (isHost) {
        draw(group, "circle", { class: "node", cx: x, cy: y, r: size * 0.62 });
        const side = this.scenario.layout === "sides" ? (x < this.width / 2 ? -1 : 1) : 0;
        if (named) draw(group, "text", { class: "name", x: x + side * 20, y: side ? y : y + size * 0.62 + 10, "font-size": 11 }, shorten(name, 8));
      } else {
        const wide = named ? Math.max(24, shorten(name, 8).length * 7 + 8) : size * 1.5;
        const tall = named ? 18 : size * 1.5;
        draw(group, "rect", { class: "node", x: x - wide / 2, y: y - tall / 2, width: wide, height: tall, rx: 3 });
        if (named) draw(group, "text", { class: "name", x, y }, shorten(name, 8));
      }
    });
  }

  show(frame) {
    this.frame = frame;
    this.slider.value = frame;
    const { ends, spans } = this.recording;
    this.clock.textContent = `${format(ends[frame] - spans[frame])} to ${format(ends[frame])} s of ${format(ends[ends.length - 1])} s`;
    this.slider.setAttribute("aria-valuetext", this.clock.textContent);
    const radius = 15 * Math.sqrt(this.unit);
    this.shapes.forEach(({ line, queue }, port) => {
      const load = this.at("load", port);
      line.setAttribute("class", load ? `port u${clamp(Math.round(load / 1000), 0, 10)}` : "port idle");
      line.setAttribute("stroke-width", (load ? 1 + 3.2 * Math.min(1, load / 10000) : 0.8) * this.unit);
      if (queue) {
        const bytes = this.at("mean", port);
        const drops = this.at("drops", port) > 0;
        queue.setAttribute("r", (bytes || drops ? Math.max(radius * Math.sqrt(Math.min(1, bytes / this.largest)), drops ? 3 : 0) : 0).toFixed(2));
        queue.setAttribute("class", drops ? "queue drops" : "queue");
      }
    });
    this.markChosen();
    this.listBusiest();
    this.svg.setAttribute("aria-label", `${this.scenario.name} under ${this.recording.scheme}, ${this.clock.textContent}. The longest queues are in the table below.`);
    this.drawScale(radius);
    if (this.hovered !== undefined && this.hovered !== null) this.describe(this.hovered);
  }

  drawScale(radius) {
    if (this.scale.dataset.largest === `${this.largest} ${radius}`) return;
    this.scale.dataset.largest = `${this.largest} ${radius}`;
    const ramp = document.createElementNS(SVG_NAME, "svg");
    ramp.setAttribute("width", 132); ramp.setAttribute("height", 12);
    for (let level = 0; level <= 10; level++) draw(ramp, "line", { class: `u${level}`, x1: level * 12, x2: level * 12 + 12, y1: 6, y2: 6, "stroke-width": 1 + level * 0.6 });
    const circle = document.createElementNS(SVG_NAME, "svg");
    const side = Math.ceil(radius * 2 + 2);
    circle.setAttribute("width", side); circle.setAttribute("height", side);
    draw(circle, "circle", { class: "queue", cx: side / 2, cy: side / 2, r: radius });
    const ring = document.createElementNS(SVG_NAME, "svg");
    ring.setAttribute("width", 16); ring.setAttribute("height", 16);
    draw(ring, "circle", { class: "queue drops", cx: 8, cy: 8, r: 5 });
    this.scale.replaceChildren(make("span", {}, "load of a port: 0", ramp, "100%"),
      make("span", {}, circle, `mean queue of ${sizeText(this.largest)}, the longest of all schemes; the area is in proportion`), make("span", {}, ring, "packets were dropped"));
  }

  markChosen() {
    this.halos.replaceChildren();
    if (this.port !== null) draw(this.halos, "line", { class: "halo", ...this.shapes[this.port].ends, "stroke-width": 11 * this.unit });
  }

  listBusiest() {
    const ports = this.rank((port) => this.at("mean", port)).slice(0, 6);
    const head = make("tr", {}, ...["port", "load", "mean queue", "peak", "drops", "marks"].map((name) => make("th", { scope: "col" }, name)));
    const rows = ports.map((port) => {
      const button = make("button", { type: "button", "data-port": port }, this.portName(port));
      return make("tr", {}, make("td", {}, button), ...[shareText(this.at("load", port)), sizeText(this.at("mean", port)), sizeText(this.at("peak", port)),
        format(this.at("drops", port), 6), format(this.at("marks", port), 6)].map((text) => make("td", { class: "n" }, text)));
    });
    const focused = this.busiest.contains(document.activeElement) ? [...this.busiest.querySelectorAll("button")].indexOf(document.activeElement) : -1;
    this.busiest.replaceChildren(make("div", { class: "table" }, make("table", {}, make("caption", {}, "The longest queues at this time"), make("thead", {}, head), make("tbody", {}, ...rows))));
    if (focused >= 0) this.busiest.querySelectorAll("button")[focused].focus();
  }

  drawHistory() {
    const { ends } = this.recording;
    const of = (name, unit) => ends.map((_, frame) => this.at(name, this.port, frame) / unit);
    const [, , rate, queueBytes] = this.scenario.ports[this.port];
    const ink = this.recording.ink;
    const series = [
      { ink, label: "mean queue", dash: "", marker: "none", x: ends, y: of("mean", 1e3), low: ends.map(() => 0), high: of("peak", 1e3) },
    ];
    this.historyTitle.textContent = `Port ${this.portName(this.port)} under ${this.recording.scheme}.`;
    this.historyNote.textContent = `Mean queue, shaded up to its peak; the queue holds ${sizeText(queueBytes)}, the link carries ${format(rate / 1e6)} Mbit/s. `
      + `Over the episode: load ${shareText(this.total("load", this.port))}, mean ${sizeText(this.total("mean", this.port))}, peak ${sizeText(this.total("peak", this.port))}, `
      + `${format(this.total("drops", this.port), 9)} drops, ${format(this.total("marks", this.port), 9)} marks. Choose another port in the drawing or the table.`;
    if (this.historyChart) this.historyChart.setSeries(series);
    else {
      this.historyChart = new Chart(this.history, { name: "history", title: "Queue of a port", kind: "lines", summary: "Queue of the chosen port over time.",
        x: { label: "time (s)", zero: true }, y: { label: "queue (kB)", zero: true }, series, height: 220 });
    }
  }

  describe(port, pointer) {
    const row = (name, now, all) => make("tr", {}, make("td", {}, name), make("td", {}, now), make("td", {}, all));
    const both = (name, key, text) => row(name, text(this.at(key, port)), text(this.total(key, port)));
    const count = (value) => format(value, 9);
    this.tip.replaceChildren(make("b", {}, this.portName(port)), make("table", {}, row("", "now", "episode"), both("load", "load", shareText), both("mean queue", "mean", sizeText),
      both("peak queue", "peak", sizeText), both("drops", "drops", count), both("marks", "marks", count)));
    if (pointer) this.pointer = pointer;
    if (this.pointer) placeTip(this.tip, this.frameBox, this.pointer.x, this.pointer.y);
  }

  pick(port) {
    this.port = port;
    this.markChosen();
    this.drawHistory();
  }

  play() {
    if (this.frame >= this.data.frames - 1) this.show(0);
    this.playButton.textContent = "❚❚ Pause";
    const pause = Math.min(SPEED_MS * 4, Math.max(40, Math.min(LONGEST_PLAY_MS / this.data.frames, SPEED_MS * 4)));
    this.timer = setInterval(() => {
      if (this.frame + 1 >= this.data.frames) this.pause();
      else this.show(this.frame + 1);
    }, pause);
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.playButton.textContent = "▶ Play";
  }

  // Zooming: the drawing's window, in its own units.
  setView() {
    const { x, y, size } = this.view || { x: 0, y: 0, size: 1 };
    this.svg.setAttribute("viewBox", `${x * this.width} ${y * this.height} ${size * this.width} ${size * this.height}`);
    this.svg.classList.toggle("zoomed", size < 1);
  }

  zoomBy(factor, at = { x: 0.5, y: 0.5 }) {
    const { x, y, size } = this.view || { x: 0, y: 0, size: 1 };
    const next = factor ? clamp(size * factor, 0.08, 1) : 1;
    this.view = next === 1 ? null : { x: clamp(x + at.x * (size - next), 0, 1 - next), y: clamp(y + at.y * (size - next), 0, 1 - next), size: next };
    this.setView();
  }

  listen() {
    const portOf = (event) => (event.target.dataset && event.target.dataset.port !== undefined ? Number(event.target.dataset.port) : null);
    const place = (event) => {
      const box = this.frameBox.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    let drag = null;
    this.svg.addEventListener("pointerdown", (event) => { if (event.button === 0 && this.view) drag = { ...place(event), view: this.view }; });
    this.svg.addEventListener("pointermove", (event) => {
      const now = place(event);
      if (drag) {
        const { view } = drag;
        const move = (from, axis, length) => clamp(from - ((now[axis] - drag[axis]) / length) * view.size, 0, 1 - view.size);
        this.view = { size: view.size, x: move(view.x, "x", this.width), y: move(view.y, "y", this.height) };
        this.setView();
        return;
      }
      this.hovered = portOf(event);
      if (this.hovered === null) this.tip.style.visibility = "hidden";
      else this.describe(this.hovered, now);
    });
    for (const type of ["pointerup", "pointercancel", "pointerleave"]) {
      this.svg.addEventListener(type, () => { drag = null; if (type === "pointerleave") { this.hovered = null; this.tip.style.visibility = "hidden"; } });
    }
    for (const area of [this.svg, this.busiest]) {
      area.addEventListener("click", (event) => {
        const port = portOf(event);
        if (port !== null) this.pick(port);
      });
    }
    this.svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // a page that scrolls must not stop at a drawing
      event.preventDefault();
      const now = place(event);
      this.zoomBy(event.deltaY > 0 ? 1.2 : 1 / 1.2, { x: now.x / this.width, y: now.y / this.height });
    }, { passive: false });
    this.svg.addEventListener("keydown", (event) => {
      const pan = (dx, dy) => { if (this.view) { const { x, y, size } = this.view; this.view = { size, x: clamp(x + dx * size, 0, 1 - size), y: clamp(y + dy * size, 0, 1 - size) }; this.setView(); } };
      const keys = {
        "+": () => this.zoomBy(0.6), "=": () => this.zoomBy(0.6), "-": () => this.zoomBy(1 / 0.6), 0: () => this.zoomBy(0), Escape: () => this.zoomBy(0),
        ArrowLeft: () => (this.view ? pan(-0.2, 0) : this.step(-1)), ArrowRight: () => (this.view ? pan(0.2, 0) : this.step(1)), ArrowUp: () => pan(0, -0.2), ArrowDown: () => pan(0, 0.2),
        " ": () => (this.timer ? this.pause() : this.play()),
      };
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
  }

  step(by) { this.pause(); this.show(clamp(this.frame + by, 0, this.data.frames - 1)); }
}
