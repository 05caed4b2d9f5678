/* The page of trained models: a point z in the latent space of each, which plane, sliders and buttons
   move, and the image that is decoded from it. runtime.js computes images; model-N.js has put each
   model into genjaxModels. */
"use strict";
(function () {
  const COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"];
  const MAP_WIDTH = 480, FIRST_SLIDERS = 8, FRAMES = 11, RECENT = 6, SLICE = 10;  // pixels; ...; ms
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  function make(name, options = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(options)) {
      if (key in element && key !== "list") element[key] = value;
      else element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  }

  const readNumbers = (text) => new Float32Array(genjaxRuntime.readBase64(text));
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  const round = (x) => (Math.abs(x) < 0.005 ? 0 : x).toFixed(2).replace("-", "\u2212");

  /* A trained model: its decoder, and where its latents lead. */
  class Model {
    constructor(data) {
      Object.assign(this, data);
      const dim = this.latentDim, read = (text, count) => {
        const numbers = readNumbers(text);
        return Array.from({ length: count }, (_, i) => numbers.subarray(i * dim, (i + 1) * dim));
      };
      this.compute = genjaxRuntime.load(data.program, data.weights);
      this.rows = read(data.rows, data.names.length);
      this.draws = read(data.draws, data.numDraws);
      this.codes = read(data.codes, data.codeLabels.length);
      this.class = 0;
      this.turn = 0;
      this.z = (this.codes[0] || this.draws[0]).slice();
    }

    decode(z) { return this.compute({ z, labels: this.class }); }
    place(d, z = this.z) { return dot(this.rows[d], z); }

    /* The z whose places along some directions are others. */
    move(places, z = this.z) {
      const moved = Float32Array.from(z);
      for (const [d, value] of places) {
        const by = value - this.place(d, z);
        this.rows[d].forEach((r, i) => { moved[i] += by * r; });
      }
      return moved;
    }

    drawNext() { this.turn = (this.turn + 1) % this.draws.length; return this.draws[this.turn]; }
  }

  /* Put an image, numbers in [0, 1], on a canvas of its size. */
  function paint(canvas, model, image) {
    const [height, width, channels] = model.shape, colours = channels === 3;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const pixels = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = Math.round(255 * image[i * channels + (colours ? c : 0)]);
      pixels.data[4 * i + 3] = 255;
    }
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  }

  function makeImage(label, options = {}) {
    return make("canvas", { className: "image", role: "img", "aria-label": label, ...options });
  }

  /* The plane of two directions: a map of decoded images, and a point that can be dragged. */
  class Plane {
    constructor(model, view) {
      Object.assign(this, { model, view, across: 0, up: model.rows.length > 1 ? 1 : -1 });
      this.map = make("canvas");
      this.dots = make("canvas", { className: "dots" });
      this.point = make("div", { className: "point", tabIndex: 0, role: "application", "aria-roledescription": "point on a plane" });
      this.said = make("span", { className: "unseen", "aria-live": "polite" });
      this.box = make("div", { className: this.up < 0 ? "plane line" : "plane" }, this.map, this.dots, this.point);
      this.element = make("figure", {}, this.box, make("figcaption", {}, this.makeAxes(), this.makeKey(),
        make("p", {}, "Drag the point, or press the arrow keys; Shift makes larger steps, Home leads to the middle."), this.said));
      this.listen();
    }

    makeAxes() {
      if (this.model.rows.length <= 2) {
        return make("div", { className: "axes" }, `${this.model.names.map((name, i) => `${name} ${["\u2192", "\u2191"][i]}`).join("\u2002")}`);
      }
      const choose = (axis, label, text) => {
        const select = make("select", { "aria-label": text }, ...this.model.names.map((name, d) => make("option", { value: d }, name)));
        select.value = this[axis];
        select.onchange = () => { this[axis] = +select.value; this.view.refresh(); this.drawMap(); };
        return make("label", {}, select, label);
      };
      return make("div", { className: "axes" }, choose("across", "\u2192", "direction from left to right"), choose("up", "\u2191", "direction from bottom to top"));
    }

    makeKey() {
      const { codes, labelNames } = this.model;
      if (!codes.length) return "";
      const box = make("input", { type: "checkbox", checked: this.model.latentDim <= 2 });
      const names = labelNames.length > 1 && labelNames.length <= COLOURS.length ? labelNames : [];
      const key = names.map((name, i) => make("span", {}, make("i", { style: `background:${COLOURS[i]}` }), name));
      const list = make("div", { className: "key" }, ...key);
      this.showsDots = () => box.checked;
      box.onchange = () => { list.hidden = !box.checked; this.drawDots(); };
      list.hidden = !box.checked;
      return make("div", {}, make("label", { className: "check" }, box, `${codes.length} test images, where the encoder puts them`), list);
    }

    reach(d) { return 0.75 * this.model.extents[d]; }

    listen() {
      const go = (event) => {
        const { left, top, width, height } = this.box.getBoundingClientRect();
        const x = Math.min(Math.max((event.clientX - left) / width, 0), 1), y = Math.min(Math.max((event.clientY - top) / height, 0), 1);
        this.moveTo((2 * x - 1) * this.reach(this.across), this.up < 0 ? 0 : (1 - 2 * y) * this.reach(this.up));
      };
      this.box.onpointerdown = (event) => {
        if (event.button) return;
        event.preventDefault();
        this.point.focus({ preventScroll: true });
        try { this.box.setPointerCapture(event.pointerId); } catch { /* a pointer that is none */ }
        this.dragged = true;
        go(event);
      };
      this.box.onpointermove = (event) => { if (this.dragged) go(event); };
      this.box.onpointerup = this.box.onpointercancel = () => { this.dragged = false; };
      this.point.onkeydown = (event) => this.step(event);
      new ResizeObserver(() => this.drawDots()).observe(this.box);
    }

    step(event) {
      const by = event.shiftKey ? 0.1 : 0.02, moves = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowDown: [0, -by], ArrowUp: [0, by] };
      const [x, y] = this.where();
      if (event.key === "Home") this.moveTo(0, 0);
      else if (moves[event.key]) {
        const [right, up] = moves[event.key];
        this.moveTo(x + 2 * right * this.reach(this.across), this.up < 0 ? 0 : y + 2 * up * this.reach(this.up));
      } else return;
      event.preventDefault();
    }

    where() { return [this.model.place(this.across), this.up < 0 ? 0 : this.model.place(this.up)]; }

    moveTo(x, y) {
      const fit = (value, d) => Math.min(Math.max(value, -this.reach(d)), this.reach(d));
      const places = [[this.across, fit(x, this.across)]];
      if (this.up >= 0 && this.up !== this.across) places.push([this.up, fit(y, this.up)]);
      this.view.go(this.model.move(places), true);
    }

    /* Show the point where z is; the edge of the plane where z lies outside. */
    showPoint() {
      const [x, y] = this.where(), share = (value, d) => 50 + 50 * Math.min(Math.max(value / this.reach(d), -1), 1);
      this.point.style.left = `${share(x, this.across)}%`;
      this.point.style.top = this.up < 0 ? "50%" : `${100 - share(y, this.up)}%`;
      const text = `${this.model.names[this.across]} ${round(x)}` + (this.up < 0 ? "" : `, ${this.model.names[this.up]} ${round(y)}`);
      this.point.setAttribute("aria-label", `${text}. Arrow keys move it.`);
      this.said.textContent = document.activeElement === this.point ? text : "";
    }

    drawDots() {
      const context = this.dots.getContext("2d"), scale = window.devicePixelRatio || 1;
      const { clientWidth: width, clientHeight: height } = this.box;
      Object.assign(this.dots, { width: width * scale, height: height * scale });
      if (!this.showsDots || !this.showsDots()) return;
      context.scale(scale, scale);
      this.model.codes.forEach((z, i) => {
        const x = this.model.place(this.across, z) / this.reach(this.across), y = this.up < 0 ? 0 : this.model.place(this.up, z) / this.reach(this.up);
        context.beginPath();
        context.arc((width * (1 + x)) / 2, (height * (1 - y)) / 2, Math.max(2.5, width / 130), 0, 7);
        context.fillStyle = COLOURS[this.model.codeLabels[i] % COLOURS.length];
        context.fill();
        context.strokeStyle = "#fffc";
        context.stroke();
      });
    }

    /* Draw the map: at first few images, enlarged, then more and more, whenever there is time. */
    drawMap() {
      const [height, width] = this.model.shape, count = (side) => Math.min(Math.max(Math.floor(MAP_WIDTH / side), 5), 17);
      const columns = count(width), rows = this.up < 0 ? 1 : count(height);
      const turn = (this.drawing = {});
      const z = this.model.z.slice(), tiles = new Map(), todo = orderCells(rows, columns);
      this.mapOf = this.describeRest(z);
      this.drawDots();
      const context = this.map.getContext("2d");
      const fresh = this.map.width !== columns * width || this.map.height !== rows * height;
      if (fresh) Object.assign(this.map, { width: columns * width, height: rows * height });
      const makeTile = (row, column) => {
        const x = ((2 * column + 1) / columns - 1) * this.reach(this.across), y = this.up < 0 ? 0 : (1 - (2 * row + 1) / rows) * this.reach(this.up);
        const places = this.up < 0 || this.up === this.across ? [[this.across, x]] : [[this.across, x], [this.up, y]];
        const tile = make("canvas");
        paint(tile, this.model, this.model.decode(this.model.move(places, z)));
        return tile;
      };
      const work = () => {
        if (this.drawing !== turn) return;
        const end = performance.now() + SLICE;
        while (todo.length && performance.now() < end) {
          const [row, column, size] = todo.shift(), name = row * columns + column;
          if (!tiles.has(name)) tiles.set(name, makeTile(row, column));
          context.drawImage(tiles.get(name), column * width, row * height, size * width, size * height);
        }
        if (todo.length) setTimeout(work, this.dragged ? 60 : 4);
        else this.box.dataset.drawn = "yes";
      };
      delete this.box.dataset.drawn;
      work();
    }

    /* What of z the plane does not move, by which the map is known to be old. */
    describeRest(z) {
      const places = this.up < 0 || this.up === this.across ? [[this.across, 0]] : [[this.across, 0], [this.up, 0]];
      return [this.model.class, ...this.model.move(places, z)].map((x) => x.toFixed(3)).join();
    }

    refreshMap() { if (this.mapOf !== this.describeRest(this.model.z)) this.drawMap(); }
  }

  /* The cells of a map, coarse ones first and then all: [row, column, how many cells it covers]. */
  function orderCells(rows, columns) {
    const cells = [];
    for (const size of [4, 2, 1]) for (let row = 0; row < rows; row += size) for (let column = 0; column < columns; column += size) cells.push([row, column, size]);
    return cells;
  }

  /* A model on the page: its plane, its image, its sliders, all of the same z. */
  class View {
    constructor(model, pair) {
      this.model = model;
      this.image = makeImage(`The image that ${model.title} decodes`);
      this.plane = new Plane(model, this);
      this.recent = make("div", { className: "recent", role: "group", "aria-label": "The last draws" });
      this.sliders = model.names.map((name, d) => this.makeSlider(name, d));
      const stage = make("div", { className: "stage" }, this.plane.element, this.makePicture(), this.makeControls());
      this.element = make("article", { className: "model" });
      if (pair) this.element.append(make("h3", {}, model.title), make("p", { className: "caption" }, model.about));
      this.element.append(stage);
    }

    makePicture() {
      const draw = make("button", { className: "main", type: "button", onclick: () => this.draw() }, "Draw me one");
      const zero = make("button", { type: "button", onclick: () => this.go(new Float32Array(this.model.latentDim)) }, "To the middle");
      const buttons = make("div", { className: "buttons" }, draw, zero);
      if (this.model.classNames.length) {
        const names = this.model.classNames.map((name, i) => make("option", { value: i }, name));
        const select = make("select", { "aria-label": "class" }, make("option", { value: -1 }, "any"), ...names);
        select.onchange = () => {
          this.any = +select.value < 0;
          if (!this.any) this.model.class = +select.value;
          this.refresh(); this.settle(); this.onclass?.();
        };
        this.any = true;
        buttons.append(make("label", { className: "axes" }, "class", select));
      }
      return make("figure", { className: "picture" }, this.image, make("div", {}, buttons, this.recent));
    }

    makeControls() {
      const { model } = this, list = make("div", { className: "sliders" }, ...this.sliders.map(({ element }) => element));
      const controls = make("div", { className: "controls" }, make("p", { className: "caption" }, model.order), list);
      const rest = this.sliders.slice(FIRST_SLIDERS);
      if (rest.length) {
        const show = (all) => { rest.forEach(({ element }) => { element.hidden = !all; }); more.textContent = all ? "Show fewer" : `Show all ${this.sliders.length}`; more.setAttribute("aria-expanded", all); };
        const more = make("button", { className: "quiet", type: "button", onclick: () => show(rest[0].element.hidden) });
        show(false);
        controls.append(more);
      }
      return controls;
    }

    makeSlider(name, d) {
      const { model } = this, extent = model.extents[d], value = make("output");
      const input = make("input", { type: "range", min: -extent, max: extent, step: 0.01, "aria-label": `${name}${model.amounts[d] ? `, ${model.amounts[d]}` : ""}` });
      input.oninput = () => this.go(model.move([[d, +input.value]]), true);
      const share = make("div", { className: "share" }, make("i", { style: `width:${100 * model.shares[d]}%` }));
      const text = make("span", {}, make("b", {}, name), " ", make("small", {}, model.amounts[d]));
      return { input, value, element: make("div", { className: "slider" }, text, value, share, input) };
    }

    draw() {
      const { model } = this, z = model.drawNext().slice(), small = makeImage("");
      if (this.any) model.class = Math.floor(Math.random() * model.classNames.length);
      const own = model.class, back = () => { model.class = own; this.go(z); };
      paint(small, model, model.decode(z));
      this.recent.prepend(make("button", { type: "button", "aria-label": "go back to this draw", onclick: back }, small));
      while (this.recent.children.length > RECENT) this.recent.lastChild.remove();
      this.go(z);
    }

    /* Move to z: at once while something is dragged, else as a short walk. */
    go(z, atOnce = false) {
      const from = this.model.z.slice(), began = performance.now(), walk = (this.walk = {});
      const step = () => {
        if (this.walk !== walk) return;
        const share = atOnce || still.matches ? 1 : Math.min((performance.now() - began) / 350, 1);
        const eased = share * share * (3 - 2 * share);
        this.model.z = share === 1 ? Float32Array.from(z) : from.map((value, i) => value + eased * (z[i] - value));
        this.refresh();
        if (share < 1) requestAnimationFrame(step);
        else this.settle();
      };
      step();
    }

    /* Show the newest z before the browser paints next. */
    refresh() {
      if (this.waiting) return;
      this.waiting = requestAnimationFrame(() => {
        this.waiting = 0;
        const began = performance.now();
        paint(this.image, this.model, this.model.decode(this.model.z));
        this.model.spent = performance.now() - began;
        this.plane.showPoint();
        this.sliders.forEach(({ input, value }, d) => {
          const place = this.model.place(d);
          if (document.activeElement !== input || Math.abs(input.value - place) > 0.006) input.value = place;
          value.textContent = round(place);
        });
      });
    }

    settle() {
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.plane.refreshMap(), 120);
    }
  }

  /* From one image to another: for each model a strip, and one slider through all of them. */
  class Crossing {
    constructor(views) {
      this.paths = views.map((view) => this.makePath(view, views.length > 1));
      this.slider = make("input", { type: "range", min: 0, max: 1, step: 0.005, value: 0.5, "aria-label": "from the first image to the second" });
      this.slider.oninput = () => this.show();
      const other = make("button", { type: "button", onclick: () => { this.paths.forEach((path) => this.choose(path)); this.drawAll(); } }, "Another pair");
      this.element = make("div", {}, make("div", { className: "slide" }, this.slider, other), this.makeChoice(), ...this.paths.map(({ element }) => element));
      this.paths.forEach((path) => this.choose(path));
      this.drawAll();
    }

    makeChoice() {
      const choose = (value, text) => make("label", {}, make("input", { type: "radio", name: "route", value, checked: value === "sphere", onchange: () => { this.straight = value === "line"; this.drawAll(); } }), text);
      return make("fieldset", { className: "choices" }, make("legend", { className: "unseen" }, "route"), choose("sphere", "along the sphere"), choose("line", "in a straight line"));
    }

    makePath(view, pair) {
      const big = makeImage(`${view.model.title}: the image between`);
      const frames = Array.from({ length: FRAMES }, (_, i) => makeImage("", { "aria-hidden": "true", onclick: () => { this.slider.value = i / (FRAMES - 1); this.show(); } }));
      const strip = make("div", { className: "strip" }, ...frames);
      const element = make("div", { className: "path" }, ...(pair ? [make("h3", {}, view.model.title)] : []), make("div", { className: "crossing" }, big, strip));
      const path = { model: view.model, big, frames, element, turn: 0 };
      view.onclass = () => this.drawAll();
      return path;
    }

    choose(path) {
      const { codes, draws } = path.model, pool = codes.length > 1 ? codes : draws;
      path.ends = [0, 1].map(() => pool[path.turn++ % pool.length]);
    }

    drawAll() {
      for (const path of this.paths) path.frames.forEach((canvas, i) => paint(canvas, path.model, path.model.decode(this.between(path.ends, i / (FRAMES - 1)))));
      this.show();
    }

    between([start, end], t) {
      const angle = Math.acos(Math.min(Math.max(dot(start, end) / Math.max(Math.sqrt(dot(start, start) * dot(end, end)), 1e-12), -1), 1)), sine = Math.sin(angle);
      const [a, b] = this.straight || sine < 1e-4 ? [1 - t, t] : [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine];
      return start.map((x, i) => a * x + b * end[i]);
    }

    show() {
      const t = +this.slider.value, here = Math.round(t * (FRAMES - 1));
      this.slider.setAttribute("aria-valuetext", `${Math.round(100 * t)} percent of the way`);
      for (const path of this.paths) {
        paint(path.big, path.model, path.model.decode(this.between(path.ends, t)));
        path.frames.forEach((canvas, i) => canvas.classList.toggle("here", i === here));
      }
    }
  }

  const models = genjaxModels.map((data) => new Model(data)), pair = models.length > 1;
  const views = models.map((model) => new View(model, pair)), place = document.getElementById("models");
  place.classList.toggle("pair", pair);
  if (pair) {
    const both = make("button", { className: "main", type: "button", onclick: () => views.forEach((view) => view.draw()) }, "Draw one of each");
    place.before(make("p", {}, both));
  }
  place.append(...views.map(({ element }) => element));
  for (const view of views) { view.refresh(); view.plane.drawMap(); }
  document.getElementById("interpolation").append(new Crossing(views).element);
  setTimeout(() => {
    const times = models.map((model) => { const began = performance.now(); for (let i = 0; i < 5; i++) model.decode(model.z); return `${((performance.now() - began) / 5).toFixed(1)} ms${pair ? ` (${model.title})` : ""}`; });
    document.getElementById("speed").textContent = `Your browser computes every image itself: about ${times.join(" and ")} an image.`;
  }, 1500);
  window.genjaxPage = { models, views };
})();
