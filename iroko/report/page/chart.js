// A figure: its parts, its axes, its legend, and reading values. Drawn anew as SVG whenever size, zoom or legend change.

let lastChart = 0;

class Chart {
  constructor(host, spec) {
    Object.assign(this, { host, spec, hidden: new Set(), zoom: {}, cursor: null, number: ++lastChart });
    const bar = host.appendChild(make("div", { class: "bar" }));
    this.legend = bar.appendChild(make("div", { class: "bar legend", role: "group", "aria-label": "Schemes shown" }));
    const zooms = bar.appendChild(make("div", { class: "zooms", role: "group", "aria-label": "Zoom" }));
    zooms.hidden = spec.kind === "matrix";
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

  // The schemes that a legend names; rows and matrices name theirs themselves.
  get keys() {
    return new Map(this.spec.kind === "ranges" || this.spec.kind === "matrix" ? [] : this.spec.series.map((series) => [series.ink, series]));
  }

  fillLegend() {
    if (this.keys.size > 1) fillLegend(this.legend, this.keys, [this]);
  }

  setHidden(ink, hidden) {
    if (hidden) this.hidden.add(ink);
    else this.hidden.delete(ink);
    this.draw();
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

  // The rows of a figure with intervals: one for each scheme, with one mark or two.
  get rows() { return [...new Set(this.spec.series.map((series) => series.label))]; }

  draw(wide = this.plot.clientWidth) {
    const width = Math.max(260, wide);
    const { kind, x: xAxis, y: yAxis } = this.spec;
    const isMatrix = kind === "matrix";
    const isRows = kind === "ranges" || isMatrix;
    const rowNames = isMatrix ? this.spec.matrix.rows : this.rows;
    const height = isRows ? 46 + rowNames.length * (rowNames.length > 8 ? 26 : 32) : this.spec.height || clamp(width * 0.6, 220, 330);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("width", width);
    this.svg.setAttribute("height", height);
    this.svg.replaceChildren();
    const [xLow, xHigh] = this.zoom.x || this.extent("x");
    const [yLow, yHigh] = this.zoom.y || this.extent("y");
    const y = new Scale(yLow, yHigh, height - 40, 10, yAxis.log);
    const yTicks = isRows ? [] : y.ticks(5);
    const left = isRows ? Math.min(width * 0.38, Math.max(...rowNames.map((name) => name.length)) * 7 + 14)
      : 26 + Math.max(...yTicks.map((tick) => format(tick).length), 2) * 6.6;
    const end = width - (isMatrix ? 42 : 12);
    const x = new Scale(xLow, xHigh, left, end, xAxis.log);
    Object.assign(this, { x, y, area: { left, right: end, top: 10, bottom: height - 40 }, items: [] });
    const { right, top, bottom } = this.area;
    const clip = `clip${this.number}`;
    draw(draw(draw(this.svg, "defs"), "clipPath", { id: clip }), "rect", { x: left, y: top - 6, width: right - left + 6, height: bottom - top + 12 });
    const ticks = isMatrix ? [] : xAxis.ticks || x.ticks(width < 420 ? 4 : 6).map((value) => [value, format(value)]);
    let taken = -Infinity;
    for (const [tick, name] of ticks) {
      if (tick < x.low || tick > x.high) continue;
      // A name that would touch the one before it is left out.
      const half = name.length * 3.4 + 2;
      if (x.at(tick) - half < taken) continue;
      taken = x.at(tick) + half;
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
    if (isMatrix) this.drawMatrix();
    else if (isRows) this.drawRows();
    else if (kind === "scatter") this.shown.forEach((series) => this.drawSpot(series));
    else this.shown.forEach((series, index) => this.drawLine(series, index));
    this.over = draw(this.svg, "g");
    this.hide();
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

  get zoomAxes() { return this.spec.kind === "scatter" ? ["x", "y"] : this.spec.kind === "matrix" ? [] : ["x"]; }

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


}

// Buttons that show and hide schemes in some charts.
function fillLegend(legend, keys, charts) {
  for (const [ink, series] of keys) {
    const key = document.createElementNS(SVG_NAME, "svg");
    for (const [name, value] of [["class", "key"], ["viewBox", "0 0 22 10"], ["aria-hidden", "true"]]) key.setAttribute(name, value);
    drawKey(key, series);
    const button = legend.appendChild(make("button", { type: "button", "aria-pressed": "true" }, key, series.label));
    button.addEventListener("click", () => {
      const hidden = button.getAttribute("aria-pressed") === "true";
      button.setAttribute("aria-pressed", String(!hidden));
      for (const chart of charts) chart.setHidden(ink, hidden);
    });
  }
}
