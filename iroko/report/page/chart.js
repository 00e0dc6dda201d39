// Figures: lines with bands, rows with intervals, points in the plane. Drawn anew as SVG whenever size, zoom or legend change.

const SVG_NAME = "http://www.w3.org/2000/svg";

function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function draw(parent, name, attributes = {}, text) {
  const node = document.createElementNS(SVG_NAME, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function format(value, digits = 4) {
  if (!isNumber(value)) return "–";
  const size = Math.abs(value);
  const options = size !== 0 && (size < 1e-3 || size >= 1e9) ? { notation: "scientific", maximumSignificantDigits: 3 }
    : size >= 10 ** digits ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: digits };
  return value.toLocaleString("en-US", options).replace("-", "−");
}

function niceTicks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * 0.999);
  const ticks = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index++) ticks.push(Number((index * step).toPrecision(12)));
  return ticks;
}

function logTicks(low, high) {
  const wide = Math.log10(high / low) > 2.2;
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const factor of wide ? [1] : [1, 2, 5]) {
      const tick = factor * 10 ** power;
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  }
  return ticks;
}

// The markers of the printed figures, in a box from -1 to 1.
const MARKERS = {
  s: "M-.8-.8H.8V.8H-.8Z", D: "M0-1.05 1.05 0 0 1.05-1.05 0Z", d: "M0-1.1.65 0 0 1.1-.65 0Z", "^": "M0-1 1 .8H-1Z", v: "M0 1 1-.8H-1Z",
  "<": "M-1 0 .8-1V1Z", ">": "M1 0-.8-1V1Z", P: "M-.35-1h.7v.65H1v.7H.35V1h-.7V.35H-1v-.7h.65Z",
  X: "M-.6-1 0-.4.6-1 1-.6.4 0 1 .6.6 1 0 .4-.6 1-1 .6-.4 0-1-.6Z", "*": "M0-1.1.3-.35 1.1-.3.45.2.7 1 0 .5-.7 1-.45.2-1.1-.3-.3-.35Z",
  h: "M0-1 .87-.5V.5L0 1-.87.5V-.5Z", p: "M0-1 .95-.3.6.8H-.6L-.95-.3Z", o: "M-1 0A1 1 0 1 1 1 0 1 1 0 1 1-1 0Z",
};

function drawMarker(parent, series, x, y, size = 5, more = "") {
  if (series.marker === "none") return null;
  const path = MARKERS[series.marker] || MARKERS.o;
  return draw(parent, "path", {
    class: `mark ${series.ink} ${series.hollow ? "hollow" : ""} ${more}`, d: path,
    transform: `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${size})`, "vector-effect": "non-scaling-stroke",
  });
}

function drawKey(svg, series) {
  draw(svg, "line", { class: `line ${series.ink}`, x1: 0, x2: 22, y1: 5, y2: 5, "stroke-dasharray": series.dash || "none" });
  drawMarker(svg, series, 11, 5, 3.8);
}

class Scale {
  constructor(low, high, from, to, log) {
    Object.assign(this, { low, high, from, to, log });
    const put = log ? Math.log : (value) => value;
    const [start, span] = [put(low), put(high) - put(low) || 1];
    this.at = (value) => from + ((put(value) - start) / span) * (to - from);
    this.back = (place) => {
      const value = start + ((place - from) / (to - from)) * span;
      return log ? Math.exp(value) : value;
    };
  }
  ticks(count) { return this.log ? logTicks(this.low, this.high) : niceTicks(this.low, this.high, count); }
}

// Heights follow from what is drawn: only another width is a reason to draw anew.
function onWidth(node, act) {
  let width = null;
  new ResizeObserver(() => { if (node.clientWidth !== width) { width = node.clientWidth; act(); } }).observe(node);
}

let lastChart = 0;

class Chart {
  constructor(host, spec) {
    Object.assign(this, { host, spec, hidden: new Set(), zoom: {}, cursor: null, number: ++lastChart });
    const bar = host.appendChild(make("div", { class: "bar" }));
    this.legend = bar.appendChild(make("div", { class: "bar", role: "group", "aria-label": "Schemes shown" }));
    const zooms = bar.appendChild(make("div", { class: "zooms", role: "group", "aria-label": "Zoom" }));
    const button = (text, name, act) => {
      const node = zooms.appendChild(make("button", { type: "button", class: "zoom", "aria-label": name, title: name }, text));
      node.addEventListener("click", act);
      return node;
    };
    button("+", "Zoom in", () => this.zoomBy(0.5));
    button("−", "Zoom out", () => this.zoomBy(2));
    this.reset = button("⟲", "Show all", () => this.showAll());
    this.plot = host.appendChild(make("div", { class: "plot" }));
    this.svg = draw(this.plot, "svg", { tabindex: 0, role: "group", "aria-label": this.summary() });
    this.tip = this.plot.appendChild(make("div", { class: "tip", "aria-hidden": "true" }));
    this.say = host.appendChild(make("div", { class: "say", "aria-live": "polite" }));
    this.fillLegend();
    this.addNumbers();
    this.listen();
    onWidth(this.plot, () => this.draw());
  }

  summary() {
    return `${this.spec.summary} Arrow keys read values, plus and minus zoom, 0 shows all.`;
  }

  setSeries(series) {
    this.spec.series = series;
    this.zoom = {};
    this.draw();
  }

  get shown() { return this.spec.series.filter((series) => !this.hidden.has(series.ink)); }

  fillLegend() {
    const inks = new Map(this.spec.series.map((series) => [series.ink, series]));
    if (inks.size < 2 || this.spec.kind === "ranges") return;
    for (const [ink, series] of inks) {
      const key = document.createElementNS(SVG_NAME, "svg");
      for (const [name, value] of [["class", "key"], ["viewBox", "0 0 22 10"], ["aria-hidden", "true"]]) key.setAttribute(name, value);
      drawKey(key, { ...series, hollow: false });
      const button = this.legend.appendChild(make("button", { type: "button", "aria-pressed": "true" }, key, series.label));
      button.addEventListener("click", () => {
        if (!this.hidden.delete(ink)) this.hidden.add(ink);
        button.setAttribute("aria-pressed", String(!this.hidden.has(ink)));
        this.draw();
      });
    }
  }

  // What the figure holds as a table, made when it is opened.
  addNumbers() {
    const details = this.host.appendChild(make("details", { class: "numbers" }, make("summary", {}, "Numbers of this figure")));
    details.addEventListener("toggle", () => {
      const old = details.querySelector(".table");
      if (old) old.remove();
      if (details.open) details.append(this.table());
    });
  }

  table() {
    const [head, rows] = this.numbers();
    const cells = (row, name) => make("tr", {}, ...row.map((value, index) => make(name, index ? { class: "n" } : {}, isNumber(value) ? format(value, 6) : value ?? "–")));
    return make("div", { class: "table", tabindex: 0, role: "region", "aria-label": `Numbers: ${this.spec.title}` },
      make("table", {}, make("thead", {}, cells(head, "th")), make("tbody", {}, ...rows.map((row) => cells(row, "td")))));
  }

  numbers() {
    const { kind, series, x, y } = this.spec;
    if (kind === "ranges") return [["scheme", x.label, "low", "high"], series.map((one) => [this.nameOf(one), one.value, one.low, one.high])];
    if (kind === "scatter") return [["scheme", x.label, "low", "high", y.label, "low", "high"],
      series.map((one) => [one.label, one.x, one.x_low, one.x_high, one.y, one.y_low, one.y_high])];
    const rows = [];
    for (const one of series) {
      if ("level" in one) rows.push([one.label, "all", one.level]);
      else one.x.forEach((value, index) => rows.push([one.label, this.tickName(value), one.y[index]]));
    }
    return [["scheme", x.label, y.label], rows];
  }

  nameOf(series) { return series.of ? `${series.label} ${series.of}` : series.label; }

  tickName(value) {
    const tick = (this.spec.x.ticks || []).find(([at]) => at === value);
    return tick ? tick[1] : format(value, 6);
  }

  // The rows of a figure with intervals: one for each scheme, with one mark or two.
  get rows() { return [...new Set(this.spec.series.map((series) => series.ink))]; }

  extent(axis) {
    const values = [];
    const window = this.zoom.x;
    const within = (x) => axis === "x" || !window || this.spec.kind !== "lines" || (x >= window[0] && x <= window[1]);
    for (const one of this.shown) {
      if (this.spec.kind === "ranges") values.push(one.value, one.low, one.high, ...(one.points || []));
      else if (this.spec.kind === "scatter") values.push(one[axis], one[`${axis}_low`], one[`${axis}_high`], ...one.points.map((point) => point[axis === "x" ? 0 : 1]));
      else if ("level" in one) { if (axis === "y") values.push(one.level); }
      else if (axis === "x") values.push(...one.x);
      else one.x.forEach((x, index) => { if (within(x)) values.push(one.y[index], one.low && one.low[index], one.high && one.high[index]); });
    }
    const known = values.filter(isNumber);
    const log = this.spec[axis].log;
    const usable = log ? known.filter((value) => value > 0) : known;
    if (!usable.length) return log ? [1, 10] : [0, 1];
    let [low, high] = [Math.min(...usable), Math.max(...usable)];
    if (log) return [low / 1.15, high * 1.15];
    if (this.spec[axis].ticks) return [low - 0.3, high + 0.3];
    if (this.spec[axis].zero) { low = Math.max(0, Math.min(low, 0)); if (low === 0 && this.spec.kind === "lines" && axis === "x") return [0, high || 1]; }
    const room = (high - low || Math.abs(high) || 1) * (this.spec.kind === "lines" && axis === "x" ? 0 : 0.06);
    return [this.spec[axis].zero && low === 0 ? (this.spec.kind === "scatter" ? -room / 2 : 0) : low - room, high + room];
  }

  draw(wide = this.plot.clientWidth) {
    const width = Math.max(260, wide);
    const { kind, x: xAxis, y: yAxis } = this.spec;
    const isRows = kind === "ranges";
    const height = isRows ? 46 + this.rows.length * (this.rows.length > 8 ? 26 : 32) : this.spec.height || clamp(width * 0.6, 220, 330);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("width", width);
    this.svg.setAttribute("height", height);
    this.svg.replaceChildren();
    const [xLow, xHigh] = this.zoom.x || this.extent("x");
    const [yLow, yHigh] = this.zoom.y || this.extent("y");
    const labels = new Map(this.spec.series.map((series) => [series.ink, series.label]));
    const y = new Scale(yLow, yHigh, height - 40, 10, yAxis.log);
    const yTicks = isRows ? [] : y.ticks(5);
    const left = isRows ? Math.min(width * 0.38, Math.max(...[...labels.values()].map((name) => name.length)) * 7 + 14)
      : 26 + Math.max(...yTicks.map((tick) => format(tick).length), 2) * 6.6;
    const x = new Scale(xLow, xHigh, left, width - 12, xAxis.log);
    Object.assign(this, { x, y, area: { left, right: width - 12, top: 10, bottom: height - 40 }, items: [] });
    const { right, top, bottom } = this.area;
    const clip = `clip${this.number}`;
    draw(draw(draw(this.svg, "defs"), "clipPath", { id: clip }), "rect", { x: left, y: top - 6, width: right - left + 6, height: bottom - top + 12 });
    const names = xAxis.ticks && xAxis.ticks.map(([at, name]) => [at, name]);
    for (const [tick, name] of names || x.ticks(width < 420 ? 4 : 6).map((value) => [value, format(value)])) {
      if (tick < x.low || tick > x.high) continue;
      draw(this.svg, "line", { class: "grid", x1: x.at(tick), x2: x.at(tick), y1: top, y2: bottom });
      draw(this.svg, "text", { x: x.at(tick), y: bottom + 16, "text-anchor": "middle" }, name);
    }
    for (const tick of yTicks) {
      draw(this.svg, "line", { class: "grid", x1: left, x2: right, y1: y.at(tick), y2: y.at(tick) });
      draw(this.svg, "text", { x: left - 6, y: y.at(tick) + 4, "text-anchor": "end" }, format(tick));
    }
    draw(this.svg, "line", { class: "base", x1: left, x2: right, y1: bottom, y2: bottom });
    draw(this.svg, "text", { class: "axis", x: (left + right) / 2, y: height - 6, "text-anchor": "middle" }, xAxis.label);
    if (!isRows) draw(this.svg, "text", { class: "axis", x: 0, y: 0, transform: `translate(11 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, yAxis.label);
    this.body = draw(this.svg, "g", { "clip-path": `url(#${clip})` });
    if (isRows) this.drawRows(labels);
    else if (kind === "scatter") this.shown.forEach((series) => this.drawSpot(series));
    else this.shown.forEach((series, index) => this.drawLine(series, index));
    this.over = draw(this.svg, "g");
    this.hide();
  }

  drawRows(labels) {
    const { left, right, top, bottom } = this.area;
    const step = (bottom - top) / this.rows.length;
    this.rows.forEach((ink, index) => {
      const y = top + (index + 0.5) * step;
      draw(this.svg, "text", { class: "row", x: left - 10, y: y + 4, "text-anchor": "end" }, shorten(labels.get(ink), (left - 10) / 6.6));
      draw(this.body, "line", { class: "grid", x1: left, x2: right, y1: y, y2: y });
      const own = this.spec.series.filter((series) => series.ink === ink);
      own.forEach((series, place) => {
        const at = y + (place - (own.length - 1) / 2) * Math.min(11, step / 3);
        this.drawError(series.low, series.high, at, "x", series.ink);
        for (const point of series.points) if (isNumber(point)) draw(this.body, "circle", { class: `dot ${ink}`, cx: this.x.at(point), cy: at, r: 3.2 });
        if (!isNumber(series.value)) return;
        drawMarker(this.body, series, this.x.at(series.value), at);
        this.items.push({ x: this.x.at(series.value), y: at, series, rows: [[this.spec.x.label, series.value], ...interval(series.low, series.high),
          ...(series.points.length > 1 ? [["each", series.points.map((value) => format(value)).join(", ")]] : [])] });
      });
    });
  }

  drawSpot(series) {
    if (!isNumber(series.x) || !isNumber(series.y)) return;
    const [x, y] = [this.x.at(series.x), this.y.at(series.y)];
    this.drawError(series.x_low, series.x_high, y, "x", series.ink);
    this.drawError(series.y_low, series.y_high, x, "y", series.ink);
    for (const [px, py] of series.points) draw(this.body, "circle", { class: `dot ${series.ink}`, cx: this.x.at(px), cy: this.y.at(py), r: 3 });
    drawMarker(this.body, series, x, y, 6);
    this.items.push({ x, y, series, rows: [[this.spec.y.label.split(",")[0], series.y], ...interval(series.y_low, series.y_high),
      [this.spec.x.label.split(",")[0], series.x], ...interval(series.x_low, series.x_high)] });
  }

  drawError(low, high, across, axis, ink) {
    if (!isNumber(low) || !isNumber(high)) return;
    const scale = this[axis];
    const [from, to] = [scale.at(low), scale.at(high)];
    const path = axis === "x" ? `M${from} ${across - 4}v8M${from} ${across}H${to}M${to} ${across - 4}v8` : `M${across - 4} ${from}h8M${across} ${from}V${to}M${across - 4} ${to}h8`;
    draw(this.body, "path", { class: `error ${ink}`, d: path });
  }

  drawLine(series, index) {
    const { left, right } = this.area;
    const dash = series.dash || "none";
    if ("level" in series) {
      if (isNumber(series.level)) draw(this.body, "line", { class: `line level ${series.ink}`, x1: left, x2: right, y1: this.y.at(series.level), y2: this.y.at(series.level), "stroke-dasharray": dash });
      return;
    }
    const place = (x, y) => `${this.x.at(x).toFixed(1)} ${this.y.at(y).toFixed(1)}`;
    const known = series.x.map((x, at) => at).filter((at) => isNumber(series.y[at]));
    if (series.low) {
      const inside = known.filter((at) => isNumber(series.low[at]) && isNumber(series.high[at]));
      const upper = inside.map((at) => place(series.x[at], series.high[at]));
      const lower = inside.map((at) => place(series.x[at], series.low[at])).reverse();
      if (inside.length > 1) draw(this.body, "path", { class: `band ${series.ink}`, d: `M${[...upper, ...lower].join("L")}Z` });
    }
    draw(this.body, "path", { class: `line ${series.ink}`, d: `M${known.map((at) => place(series.x[at], series.y[at])).join("L")}`, "stroke-dasharray": dash });
    // Each line has its markers at places of its own, so that equal lines remain apart.
    const every = Math.max(1, Math.ceil(known.length / 6));
    known.forEach((at, count) => {
      if (known.length <= 12 || count % every === Math.floor((every * (index % 4)) / 4)) drawMarker(this.body, series, this.x.at(series.x[at]), this.y.at(series.y[at]), 4);
    });
  }

  // Reading values.

  show(place, pointer) {
    if (this.spec.kind === "lines") {
      const value = this.x.back(clamp(place.x, this.area.left, this.area.right));
      const rows = [];
      let at = null;
      for (const series of this.shown) {
        if ("level" in series) { rows.push([series, series.level]); continue; }
        const index = nearest(series.x, value);
        if (index < 0) continue;
        if (at === null || Math.abs(series.x[index] - value) < Math.abs(at - value)) at = series.x[index];
        rows.push([series, series.y[index], series.low && series.low[index], series.high && series.high[index]]);
      }
      if (at === null) return this.hide();
      this.cursor = at;
      const x = this.x.at(at);
      this.over.replaceChildren();
      draw(this.over, "line", { class: "cursor", x1: x, x2: x, y1: this.area.top, y2: this.area.bottom });
      rows.sort((one, other) => (other[1] ?? -Infinity) - (one[1] ?? -Infinity));
      this.showTip(`${this.spec.x.label} ${this.tickName(at)}`, rows.map(([series, y, low, high]) => [series, series.label, y, low, high]), x, pointer ? pointer.y : this.area.top + 20);
      return undefined;
    }
    const found = this.items.map((item) => [Math.hypot(item.x - place.x, (item.y - place.y) * (this.spec.kind === "ranges" ? 3 : 1)), item]).sort((one, other) => one[0] - other[0])[0];
    if (!found || (pointer && found[0] > 70)) return this.hide();
    return this.showItem(found[1]);
  }

  showItem(item) {
    this.cursor = item;
    this.over.replaceChildren();
    draw(this.over, "circle", { class: "cursor", cx: item.x, cy: item.y, r: 11, fill: "none" });
    this.showTip(this.nameOf(item.series), item.rows.map(([name, value]) => [null, name, value]), item.x, item.y);
  }

  showTip(title, rows, x, y) {
    const body = rows.map(([series, name, value, low, high]) => {
      const cell = make("td", {}, name);
      if (series) cell.prepend(make("i", { class: series.ink }));
      const range = isNumber(low) && isNumber(high) && low !== high ? ` (${format(low)} to ${format(high)})` : "";
      return make("tr", {}, cell, make("td", {}, (isNumber(value) ? format(value) : value ?? "–") + range));
    });
    this.tip.replaceChildren(make("b", {}, title), make("table", {}, ...body));
    this.say.textContent = `${title}: ${rows.map(([, name, value]) => `${name} ${isNumber(value) ? format(value) : value ?? "unknown"}`).join(", ")}`;
    placeTip(this.tip, this.plot, x, y);
  }

  hide() {
    this.tip.style.visibility = "hidden";
    if (this.over) this.over.replaceChildren();
    this.cursor = null;
  }

  // Zooming and keys.

  get zoomAxes() { return this.spec.kind === "scatter" ? ["x", "y"] : ["x"]; }

  zoomBy(factor) {
    for (const axis of this.zoomAxes) {
      const scale = this[axis];
      const place = this.cursor === null ? (scale.from + scale.to) / 2 : typeof this.cursor === "number" ? scale.at(this.cursor) : this.cursor[axis];
      this.zoom[axis] = [scale.from, scale.to].map((end) => scale.back(place + (end - place) * factor));
    }
    this.limit();
  }

  limit() {
    for (const axis of this.zoomAxes) {
      const window = this.zoom[axis];
      delete this.zoom[axis];
      const [low, high] = this.extent(axis);
      if (window && (window[0] > low || window[1] < high)) this.zoom[axis] = [Math.max(low, window[0]), Math.min(high, window[1])];
    }
    this.draw();
  }

  showAll() {
    this.zoom = {};
    this.draw();
    this.say.textContent = "Showing all";
  }

  move(by) {
    if (this.spec.kind === "lines") {
      const marks = [...new Set(this.shown.flatMap((series) => series.x || []))].filter((x) => x >= this.x.low && x <= this.x.high).sort((one, other) => one - other);
      if (!marks.length) return;
      const index = this.cursor === null ? (by > 0 ? 0 : marks.length - 1) : clamp(nearest(marks, this.cursor) + by, 0, marks.length - 1);
      this.show({ x: this.x.at(marks[index]) });
    } else if (this.items.length) {
      const index = this.items.indexOf(this.cursor);
      this.showItem(this.items[index < 0 ? 0 : (index + Math.sign(by) + this.items.length) % this.items.length]);
    }
  }

  listen() {
    const place = (event) => {
      const box = this.svg.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    let start = null;
    let rect = null;
    this.svg.addEventListener("pointerdown", (event) => { if (event.button === 0) { start = place(event); } });
    this.svg.addEventListener("pointermove", (event) => {
      const now = place(event);
      if (start && Math.abs(now.x - start.x) > 5) {
        if (!rect) { this.svg.setPointerCapture(event.pointerId); this.hide(); rect = draw(this.svg, "rect", { class: "drag" }); }
        const both = this.zoomAxes.length > 1;
        const [top, bottom] = both ? [Math.min(start.y, now.y), Math.max(start.y, now.y)] : [this.area.top, this.area.bottom];
        for (const [key, value] of Object.entries({ x: Math.min(start.x, now.x), width: Math.abs(now.x - start.x), y: top, height: bottom - top })) rect.setAttribute(key, value);
      } else this.show(now, now);
    });
    const finish = (event) => {
      if (rect) {
        const now = place(event);
        const ends = (axis) => {
          const [low, high] = [this.area[axis === "x" ? "left" : "top"], this.area[axis === "x" ? "right" : "bottom"]];
          return [start[axis], now[axis]].map((value) => this[axis].back(clamp(value, low, high))).sort((one, other) => one - other);
        };
        if (event.type === "pointerup") {
          const tall = Math.abs(now.y - start.y) > 5;
          for (const axis of this.zoomAxes) if (axis === "x" || tall) this.zoom[axis] = ends(axis);
        }
        rect.remove();
        rect = null;
        this.draw();
      }
      start = null;
    };
    this.svg.addEventListener("pointerup", finish);
    this.svg.addEventListener("pointercancel", finish);
    this.svg.addEventListener("pointerleave", (event) => { if (!rect) { start = null; if (event.pointerType === "mouse") this.hide(); } });
    this.svg.addEventListener("dblclick", () => this.showAll());
    this.svg.addEventListener("blur", () => this.hide());
    this.svg.addEventListener("keydown", (event) => {
      const keys = {
        ArrowRight: () => this.move(event.shiftKey ? 10 : 1), ArrowLeft: () => this.move(event.shiftKey ? -10 : -1), ArrowDown: () => this.move(1), ArrowUp: () => this.move(-1),
        "+": () => this.zoomBy(0.5), "=": () => this.zoomBy(0.5), "-": () => this.zoomBy(2), 0: () => this.showAll(), Escape: () => this.showAll(),
      };
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
}

function interval(low, high) {
  return isNumber(low) && isNumber(high) ? [["from", low], ["to", high]] : [];
}

function shorten(text, most) {
  return text.length > most ? `${text.slice(0, Math.max(1, Math.floor(most) - 1))}…` : text;
}

function nearest(sorted, value) {
  let best = -1;
  sorted.forEach((one, index) => { if (best < 0 || Math.abs(one - value) < Math.abs(sorted[best] - value)) best = index; });
  return best;
}

function placeTip(tip, frame, x, y) {
  tip.style.visibility = "visible";
  const [width, height] = [tip.offsetWidth, tip.offsetHeight];
  const left = x + 14 + width > frame.clientWidth ? x - 14 - width : x + 14;
  tip.style.left = `${clamp(left, 0, Math.max(0, frame.clientWidth - width))}px`;
  tip.style.top = `${clamp(y - height / 2, -10, Math.max(0, frame.clientHeight - height))}px`;
}
