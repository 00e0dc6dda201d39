// What each kind of figure draws, and what it holds as a table: lines with bands, rows with intervals, points in the plane, matrices.

Object.assign(Chart.prototype, {
  extent(axis) {
    const values = [];
    const spec = this.spec[axis];
    const window = this.zoom.x;
    const within = (x) => axis === "x" || !window || this.spec.kind !== "lines" || (x >= window[0] && x <= window[1]);
    for (const one of this.shown) {
      if (this.spec.kind === "ranges") values.push(one.value, one.low, one.high, ...(one.points || []));
      else if (this.spec.kind === "scatter") values.push(one[axis], one[`${axis}_low`], one[`${axis}_high`], ...one.points.map((point) => point[axis === "x" ? 0 : 1]));
      else if ("level" in one) { if (axis === "y") values.push(one.level); }
      else if (axis === "x") values.push(...one.x);
      else one.x.forEach((x, index) => { if (within(x)) values.push(one.y[index], ...(one.low && !spec.log ? [one.low[index], one.high[index]] : [])); });
    }
    const known = values.filter((value) => isNumber(value) && (!spec.log || value > 0) && (spec.cut === undefined || value >= spec.cut));
    if (!known.length) return spec.log ? [1, 10] : [0, 1];
    let [low, high] = [Math.min(...known), Math.max(...known)];
    if (spec.log) return [low / 1.15, spec.end || high * 1.15];
    if (spec.ticks) return [low - 0.3, high + 0.3];
    if (spec.zero) { low = Math.max(0, Math.min(low, 0)); if (low === 0 && this.spec.kind === "lines" && axis === "x") return [0, high || 1]; }
    const room = (high - low || Math.abs(high) || 1) * (this.spec.kind === "lines" && axis === "x" ? 0 : 0.06);
    return [spec.cut !== undefined ? spec.cut : spec.zero && low === 0 ? (this.spec.kind === "scatter" ? -room / 2 : 0) : low - room, spec.end || high + room];
  },

  drawRows() {
    const { left, right, top, bottom } = this.area;
    const { cut } = this.spec.x;
    const step = (bottom - top) / this.rows.length;
    this.rows.forEach((label, index) => {
      const y = top + (index + 0.5) * step;
      draw(this.svg, "text", { class: "row", x: left - 10, y: y + 4, "text-anchor": "end" }, shorten(label, (left - 10) / 7.4));
      draw(this.body, "line", { class: "grid", x1: left, x2: right, y1: y, y2: y });
      const own = this.spec.series.filter((series) => series.label === label);
      own.forEach((series, place) => {
        const at = y + (place - (own.length - 1) / 2) * Math.min(11, step / 3);
        const item = { y: at, series, rows: [[this.spec.x.label, series.value], ...interval(series.low, series.high),
          ...(series.points.length > 1 ? [["each", series.points.map((value) => format(value)).join(", ")]] : [])] };
        if (isNumber(cut) && isNumber(series.value) && series.value < cut) {
          // As in print: what lies below the cut is written at the edge.
          draw(this.svg, "path", { class: `mark ${series.ink}`, d: MARKERS["<"], transform: `translate(${left + 4} ${at.toFixed(1)}) scale(4)` });
          const range = isNumber(series.low) && series.low < series.high ? ` [${format(series.low, 3)}, ${format(series.high, 3)}]` : "";
          draw(this.svg, "text", { class: `cut ${series.ink}`, x: left + 13, y: at + 4 }, format(series.value, 3) + range);
          this.items.push({ x: left + 4, ...item });
          return;
        }
        this.drawError(series.low, series.high, at, "x", series.ink);
        for (const point of series.points) if (isNumber(point)) draw(this.body, "circle", { class: `dot ${series.ink}`, cx: this.x.at(point), cy: at, r: 3.2 });
        if (!isNumber(series.value)) return;
        drawMarker(this.body, series, this.x.at(series.value), at);
        this.items.push({ x: this.x.at(series.value), ...item });
      });
    });
  },

  drawSpot(series) {
    if (!isNumber(series.x) || !isNumber(series.y)) return;
    const [x, y] = [this.x.at(series.x), this.y.at(series.y)];
    this.drawError(series.x_low, series.x_high, y, "x", series.ink);
    this.drawError(series.y_low, series.y_high, x, "y", series.ink);
    for (const [px, py] of series.points) draw(this.body, "circle", { class: `dot ${series.ink}`, cx: this.x.at(px), cy: this.y.at(py), r: 3 });
    drawMarker(this.body, series, x, y, 6);
    this.items.push({ x, y, series, rows: [[this.spec.y.label.split(",")[0], series.y], ...interval(series.y_low, series.y_high),
      [this.spec.x.label.split(",")[0], series.x], ...interval(series.x_low, series.x_high)] });
  },

  drawError(low, high, across, axis, ink) {
    if (!isNumber(low) || !isNumber(high) || low === high) return;
    const scale = this[axis];
    const [from, to] = [scale.at(low), scale.at(high)];
    const path = axis === "x" ? `M${from} ${across - 4}v8M${from} ${across}H${to}M${to} ${across - 4}v8` : `M${across - 4} ${from}h8M${across} ${from}V${to}M${across - 4} ${to}h8`;
    draw(this.body, "path", { class: `error ${ink}`, d: path });
  },

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
      const opacity = Math.min(0.15, 0.3 / this.spec.series.length).toFixed(3);
      for (const part of stretches(inside)) {
        const upper = part.map((at) => place(series.x[at], series.high[at]));
        const lower = part.map((at) => place(series.x[at], series.low[at])).reverse();
        draw(this.body, "path", { class: `band ${series.ink}`, "fill-opacity": opacity, d: `M${[...upper, ...lower].join("L")}Z` });
      }
    }
    // A line breaks where a value is missing.
    const path = stretches(known).map((part) => `M${part.map((at) => place(series.x[at], series.y[at])).join("L")}`).join("");
    draw(this.body, "path", { class: `line ${series.ink}`, d: path, "stroke-dasharray": dash });
    // Each line has its markers at places of its own, so that equal lines remain apart.
    const every = Math.max(1, Math.ceil(known.length / 6));
    known.forEach((at, count) => {
      if (known.length <= 12 || count % every === Math.floor((every * (index % 4)) / 4)) drawMarker(this.body, series, this.x.at(series.x[at]), this.y.at(series.y[at]), 4);
    });
  },

  drawMatrix() {
    const { left, right, top, bottom } = this.area;
    const { rows, columns, values, shares } = this.spec.matrix;
    const [wide, tall] = [(right - left) / columns.length, (bottom - top) / rows.length];
    rows.forEach((name, row) => {
      const y = top + row * tall;
      draw(this.svg, "text", { class: "row", x: left - 8, y: y + tall / 2 + 4, "text-anchor": "end" }, shorten(name, (left - 10) / 7.4));
      columns.forEach((column, index) => {
        const x = left + index * wide;
        if (!isNumber(values[row][index])) return;
        draw(this.body, "rect", { class: "share", x, y, width: wide - 1, height: tall - 1, "fill-opacity": (0.08 + 0.6 * shares[row][index]).toFixed(3) });
        draw(this.body, "text", { class: "row", x: x + wide / 2, y: y + tall / 2 + 4, "text-anchor": "middle" }, format(values[row][index], 3));
        this.items.push({ x: x + wide / 2, y: y + tall / 2, series: { label: `${name}, scored in ${column}` },
          rows: [["reward per step", values[row][index]], ["share of the best", shares[row][index]]] });
      });
    });
    columns.forEach((name, index) => draw(this.svg, "text", { x: left + (index + 0.5) * wide, y: bottom + 16, "text-anchor": "middle" }, shorten(name, wide / 6.6)));
    this.drawShareBar();
  },

  drawShareBar() {
    const { right, top, bottom } = this.area;
    const steps = 20;
    for (let step = 0; step < steps; step++) {
      const y = bottom - ((step + 1) / steps) * (bottom - top);
      draw(this.svg, "rect", { class: "share", x: right + 8, y, width: 10, height: (bottom - top) / steps, "fill-opacity": (0.08 + (0.6 * (step + 0.5)) / steps).toFixed(3) });
    }
    draw(this.svg, "text", { x: right + 21, y: bottom }, "0");
    draw(this.svg, "text", { x: right + 21, y: top + 9 }, "1");
  },

  table() {
    const [head, rows] = this.numbers();
    const cells = (row, name) => make("tr", {}, ...row.map((value, index) => make(name, index ? { class: "n" } : {}, isNumber(value) ? format(value, 6) : value ?? "–")));
    return make("div", { class: "table", tabindex: 0, role: "region", "aria-label": `Numbers: ${this.spec.title}` },
      make("table", {}, make("thead", {}, cells(head, "th")), make("tbody", {}, ...rows.map((row) => cells(row, "td")))));
  },

  numbers() {
    const { kind, series, x, y } = this.spec;
    if (kind === "ranges") return [["scheme", x.label, "low", "high"], series.map((one) => [this.nameOf(one), one.value, one.low, one.high])];
    if (kind === "scatter") return [["scheme", x.label, "low", "high", y.label, "low", "high"],
      series.map((one) => [one.label, one.x, one.x_low, one.x_high, one.y, one.y_low, one.y_high])];
    if (kind === "matrix") {
      const { rows: names, columns, values } = this.spec.matrix;
      return [["trained in", ...columns], names.map((name, row) => [name, ...values[row]])];
    }
    const rows = [];
    for (const one of series) {
      if ("level" in one) rows.push([one.label, "all", one.level]);
      else one.x.forEach((value, index) => rows.push([one.label, this.tickName(value), one.y[index]]));
    }
    return [["scheme", x.label, y.label], rows];
  },

  nameOf(series) { return series.of ? `${series.label}, ${series.of}` : series.label; },

  tickName(value) {
    const tick = (this.spec.x.ticks || []).find(([at]) => at === value);
    return tick ? tick[1] : format(value, 6);
  },
});
