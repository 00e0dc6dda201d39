// Zooming by dragging and by keys, and reading values by pointer and by keys.

Object.assign(Chart.prototype, {
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
  },
});
