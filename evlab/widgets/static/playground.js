// Draws what Python sends and reports what was pressed. No state of the simulation lives here.
// Words are set as text, never as HTML; pictures are shown as <img>, in which no script of an SVG can run.

const SVG = "http://www.w3.org/2000/svg";
const WAIT = 400; // ms without an answer before the card says that Python is busy
const LONG = 4000; // ms without an answer before the card says what to do about it
const DRAG = 120; // ms between two values of a slider that reports while it moves

function element(tag, classes = "", text = "") {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  if (text) made.textContent = text;
  return made;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

let cards = 0; // ids must differ when a playground is shown twice

class Card {
  constructor(model, root) {
    this.model = model;
    this.id = `evlab-${(cards += 1)}-${Math.floor(Math.random() * 1e6)}`;
    this.sent = Math.floor(Math.random() * 1e9); // so two cards of one playground never share a number
    this.waiting = null;
    this.controls = new Map();
    this.groups = new Map();
    this.stages = [];
    this.spots = new Map();
    this.frame = 0;
    this.build(root);
  }

  build(root) {
    this.root = root;
    root.className = "evlab-card evlab-wide";
    root.setAttribute("role", "group");
    root.setAttribute("aria-labelledby", `${this.id}-title`);
    const head = element("div", "evlab-head");
    this.title = element("p", "evlab-title");
    this.title.id = `${this.id}-title`;
    this.run = element("span", "evlab-run");
    head.append(this.title, this.run);
    this.lead = element("p", "evlab-sr");
    this.tools = element("div", "evlab-tools");
    this.help = element("p", "evlab-help");
    this.help.setAttribute("aria-hidden", "true"); // each control carries its help as its description
    this.tools.append(this.help);
    this.said = element("p", "evlab-said");
    this.said.setAttribute("role", "status");
    this.said.setAttribute("aria-live", "polite");
    this.problem = element("p", "evlab-problem");
    this.problem.setAttribute("role", "alert");
    this.pictures = element("div");
    this.notes = element("ul", "evlab-notes");
    this.table = element("div", "evlab-table");
    root.append(head, this.lead, this.tools, this.said, this.problem, this.pictures, this.notes,
      this.table, this.buildFoot(), this.copy);
    // JupyterLab moves the cell selection on arrow keys, and inserts cells on letters, wherever the focus is.
    root.addEventListener("keydown", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
    });
  }

  buildFoot() {
    const foot = element("div", "evlab-foot");
    const reset = element("button", "evlab-button evlab-quiet", "Reset");
    reset.title = "Start again from the seed";
    const copy = element("button", "evlab-button evlab-quiet", "Copy run");
    copy.title = "Show this run as text: its seed and each action";
    copy.setAttribute("aria-expanded", "false");
    for (const button of [reset, copy]) button.type = "button";
    reset.addEventListener("click", () => this.send("_reset", null));
    copy.addEventListener("click", () => {
      if (this.copy.hidden) this.send("_export", null);
      else this.closeCopy();
    });
    this.copyButton = copy;
    this.copy = element("div", "evlab-copy");
    this.copy.hidden = true;
    this.copyHelp = element("p", "evlab-small");
    this.copyHelp.id = `${this.id}-run`;
    this.copyHelp.style.margin = "0";
    this.text = element("textarea");
    this.text.readOnly = true;
    this.text.spellcheck = false;
    this.text.setAttribute("aria-labelledby", this.copyHelp.id);
    this.copy.append(this.copyHelp, this.text);
    this.copy.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.closeCopy();
    });
    foot.append(reset, copy);
    return foot;
  }

  // ------------------------------------------------------------------ to Python

  send(action, value) {
    this.sent += 1;
    this.model.send({ action, value, n: this.sent });
    if (this.waiting === null) {
      this.waiting = setTimeout(() => {
        this.root.setAttribute("aria-busy", "true");
        this.setRun("waiting for Python\u2026");
        this.waiting = setTimeout(() => this.say("No answer yet. If no cell is running, run this one again."), LONG);
      }, WAIT);
    }
  }

  answered() {
    clearTimeout(this.waiting);
    this.waiting = null;
    this.root.removeAttribute("aria-busy");
    this.setRun();
  }

  setRun(text) {
    const view = this.model.get("view");
    const count = view.count === 1 ? "1 action" : `${view.count} actions`;
    setText(this.run, text || `seed ${view.seed} \u00b7 ${count}`);
  }

  // ------------------------------------------------------------------ from Python

  show(view, moving) {
    // Answers to earlier presses must not put a slider back that has moved on since.
    const latest = view.n === this.sent || view.n === null || this.waiting === null;
    if (latest) this.answered();
    setText(this.title, view.title);
    setText(this.lead, view.lead);
    if (!this.hinted) setText(this.help, view.lead);
    this.showControls(view.controls, latest);
    this.say(view.said);
    setText(this.problem, view.problem);
    this.problem.hidden = !view.problem;
    this.showPictures(view.pictures);
    this.showSpots(view.spots || []);
    this.showNotes(view.texts);
    this.showTable(view.table);
    this.fly(moving ? view.flights : []);
    if (view.count === 0 || !moving) this.closeCopy(false);
    this.root.dataset.n = String(view.n);
  }

  say(text) {
    if (text && text === this.said.textContent) {
      this.said.textContent = ""; // a screen reader repeats a sentence only when it changes
      requestAnimationFrame(() => setText(this.said, text));
    } else setText(this.said, text);
  }

  showControls(list, latest) {
    const wanted = new Set(list.map((control) => control.id));
    for (const [id, made] of this.controls) {
      if (wanted.has(id)) continue;
      if (made.node.contains(document.activeElement)) this.copyButton.focus();
      made.node.remove();
      this.controls.delete(id);
    }
    const places = new Map();
    for (const control of list) {
      let made = this.controls.get(control.id);
      if (made && made.kind !== control.kind) {
        made.node.remove();
        made = undefined;
      }
      if (!made) {
        made = MAKE[control.kind](this, control);
        made.kind = control.kind;
        this.controls.set(control.id, made);
        this.addHelp(made);
      }
      made.control = control;
      made.update(control, latest);
      made.described.textContent = [control.help, control.blocked].filter(Boolean).join(" ");
      const { row } = this.group(control.group);
      const place = places.get(row) || 0;
      // Moving a node drops its focus, so only what stands elsewhere is moved.
      if (row.children[place] !== made.node) row.insertBefore(made.node, row.children[place] || null);
      places.set(row, place + 1);
    }
    for (const [name, group] of this.groups) {
      if (places.has(group.row)) continue;
      group.box.remove();
      this.groups.delete(name);
    }
    this.tools.hidden = list.length === 0;
  }

  group(name) {
    if (!this.groups.has(name)) {
      const box = element("div");
      const row = element("div", "evlab-group");
      if (name) {
        const label = element("div", "evlab-group-name", name);
        label.id = `${this.id}-group-${this.groups.size}`;
        box.setAttribute("role", "group");
        box.setAttribute("aria-labelledby", label.id);
        box.append(label);
      }
      box.append(row);
      this.tools.insertBefore(box, this.help);
      this.groups.set(name, { box, row });
    }
    return this.groups.get(name);
  }

  addHelp(made) {
    made.described = element("span", "evlab-sr");
    made.described.id = `${this.id}-help-${this.controls.size}-${made.input.id}`;
    made.input.setAttribute("aria-describedby", made.described.id);
    made.node.append(made.described);
    const { lead } = this.model.get("view");
    const show = () => {
      this.hinted = true;
      setText(this.help, made.control.blocked ? `Not now: ${made.control.blocked}` : made.control.help || lead);
    };
    const leave = () => {
      this.hinted = false;
      setText(this.help, lead);
    };
    made.node.addEventListener("pointerenter", show);
    made.node.addEventListener("pointerleave", leave);
    made.node.addEventListener("focusin", show);
    made.node.addEventListener("focusout", leave);
  }

  press(made, value) {
    if (made.control.blocked) {
      this.say(`Not now: ${made.control.blocked}`);
      return false;
    }
    this.send(made.control.id, value);
    return true;
  }

  showPictures(pictures) {
    while (this.stages.length > pictures.length) this.stages.pop().stage.remove();
    pictures.forEach((picture, index) => {
      if (!this.stages[index]) {
        const stage = element("div", "evlab-stage");
        const image = element("img");
        const sky = document.createElementNS(SVG, "svg");
        sky.setAttribute("aria-hidden", "true");
        const spots = element("div", "evlab-spots");
        stage.append(image, sky, spots);
        this.pictures.append(stage);
        this.stages[index] = { stage, image, sky, spots, svg: "", box: picture.box };
      }
      const made = this.stages[index];
      const [, , width] = picture.box;
      made.box = picture.box;
      made.sky.setAttribute("viewBox", picture.box.join(" "));
      if (made.svg !== picture.svg) {
        made.svg = picture.svg;
        made.image.width = width;
        made.image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(picture.svg)}`;
      }
      made.image.alt = picture.alt;
    });
  }

  // ------------------------------------------------------------------ places in a picture

  showSpots(list) {
    const wanted = new Set(list.map((spot) => spot.id));
    for (const [id, made] of this.spots) {
      if (wanted.has(id)) continue;
      if (made.node === document.activeElement) {
        const near = [made.node.nextElementSibling, made.node.previousElementSibling];
        (near.find((one) => one && one.tagName === "BUTTON") || this.copyButton).focus();
      }
      made.node.remove();
      this.spots.delete(id);
    }
    for (const spot of list) {
      const stage = this.stages[spot.picture];
      if (!stage) continue;
      if (!this.spots.has(spot.id)) this.spots.set(spot.id, this.buildSpot(spot));
      const made = this.spots.get(spot.id);
      made.spot = spot;
      // The node of a spot stays, so that it keeps the focus while the arrow keys move what it stands for.
      if (made.node.parentNode !== stage.spots) stage.spots.append(made.node);
      const [x, y, width, height] = stage.box;
      made.node.style.left = `${((spot.start[0] - x) / width) * 100}%`;
      made.node.style.top = `${((spot.start[1] - y) / height) * 100}%`;
      made.node.style.width = `${(spot.size[0] / width) * 100}%`;
      made.node.style.height = `${(spot.size[1] / height) * 100}%`;
      if (spot.press && spot.label) made.node.setAttribute("aria-label", spot.label);
    }
  }

  buildSpot(spot) {
    const held = Boolean(spot.press && spot.label);  // without a label it is for the mouse alone
    const node = element(held ? "button" : "div", held ? "evlab-spot evlab-held" : "evlab-spot");
    const made = { node, spot };
    node.evlabSpot = made;
    if (!spot.press) return made;
    if (held) node.type = "button";
    let dragged = false;
    node.addEventListener("pointerdown", (event) => {
      dragged = false;
      if (!held) return;
      const up = (end) => {
        document.removeEventListener("pointerup", up);
        document.removeEventListener("pointercancel", up);
        const under = end.type === "pointerup" ? document.elementsFromPoint(end.clientX, end.clientY) : [];
        const target = under.map((one) => one.evlabSpot).find((one) => one && one.spot.drop);
        if (!target || target === made || !this.root.contains(target.node)) return;
        dragged = true;
        this.pressAll([made.spot.press, target.spot.drop]);
      };
      if (event.button !== 0) return;
      document.addEventListener("pointerup", up);
      document.addEventListener("pointercancel", up);
    });
    node.addEventListener("click", () => {
      if (!dragged) this.pressAll([made.spot.press]);
      dragged = false;
    });
    node.addEventListener("keydown", (event) => {
      const presses = made.spot.keys[event.key];
      if (!presses || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.pressAll(presses);
    });
    return made;
  }

  pressAll(presses) {
    for (const [id, value] of presses) {
      const made = this.controls.get(id);
      if (!made || !this.press(made, value)) return;
    }
  }

  showNotes(texts) {
    this.notes.hidden = texts.length === 0;
    this.notes.replaceChildren(...texts.map(({ text, tone }) => {
      const line = element("li", `evlab-${tone}`);
      if (tone === "good" || tone === "bad") line.append(element("span", "evlab-sr", tone === "good" ? "Good: " : "Bad: "));
      line.append(text);
      return line;
    }));
  }

  showTable(table) {
    this.table.hidden = !table;
    if (!table) return this.table.replaceChildren();
    const made = element("table");
    if (table.caption) made.append(element("caption", "", table.caption));
    const number = (column) => table.rows.length > 0 && table.rows.every((row) => typeof row[column] === "number");
    const row = (values, tag) => {
      const line = element("tr");
      values.forEach((value, column) => {
        const cell = element(tag, number(column) ? "evlab-number" : "", String(value));
        if (tag === "th") cell.scope = "col";
        line.append(cell);
      });
      return line;
    };
    const head = element("thead");
    const body = element("tbody");
    head.append(row(table.head, "th"));
    body.append(...table.rows.map((values) => row(values, "td")));
    made.append(head, body);
    this.table.replaceChildren(made);
  }

  // ------------------------------------------------------------------ events in flight

  fly(flights) {
    cancelAnimationFrame(this.frame);
    for (const { sky } of this.stages) sky.replaceChildren();
    if (flights.length === 0) return;
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const squares = [];
    for (const flight of flights) {
      const made = this.stages[flight.picture];
      if (made) squares.push({ flight, mark: drawFlight(made.sky, flight, still) });
    }
    if (still) return;
    let began = 0;
    const step = (now) => {
      began ||= now;
      let flying = false;
      for (const { flight, mark } of squares) {
        const gone = (now - began - flight.start) / Math.max(flight.length, 1);
        if (moveFlight(flight, mark, gone)) flying = true;
      }
      if (flying) this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  // ------------------------------------------------------------------ the run as text

  async showCopy({ run, call }) {
    this.text.value = run;
    this.copy.hidden = false;
    this.copyButton.setAttribute("aria-expanded", "true");
    setText(this.copyButton, "Close run");
    this.text.focus();
    this.text.select();
    let copied = false;
    try {
      await navigator.clipboard.writeText(run);
      copied = true;
    } catch { /* the browser does not allow it: the text is selected, and the learner copies it */ }
    setText(this.copyHelp, `${copied ? "Copied." : "Selected: copy it with Ctrl+C."} Paste it in place of the dots: ${call}`);
  }

  closeCopy(focus = true) {
    if (this.copy.hidden) return;
    this.copy.hidden = true;
    this.copyButton.setAttribute("aria-expanded", "false");
    setText(this.copyButton, "Copy run");
    if (focus) this.copyButton.focus();
  }
}

function drawFlight(sky, flight, still) {
  const mark = document.createElementNS(SVG, "g");
  const square = shape("rect", { x: -7, y: -7, width: 14, height: 14, rx: 2.5, fill: flight.colour, stroke: "#FFFFFF", "stroke-width": 1.5 });
  const words = shape("text", { x: 0, y: -12, "text-anchor": "middle", class: "evlab-flown" });
  words.textContent = flight.label;
  const cross = shape("path", { d: "M-8-8 8 8M8-8-8 8", stroke: "#D55E00", "stroke-width": 3.2, "stroke-linecap": "round", visibility: "hidden" });
  mark.append(square, cross, words);
  mark.cross = cross;
  if (still) { // the way as a line, and at its end what became of the event
    const [x0, y0] = flight.from;
    const [x1, y1] = flight.to;
    sky.append(shape("line", { x1: x0, y1: y0, x2: x1, y2: y1, stroke: "#566270", "stroke-width": 1.6, "stroke-dasharray": "3 4" }));
    if (flight.end === "lost") cross.setAttribute("visibility", "visible");
    mark.setAttribute("transform", `translate(${x1} ${y1})`);
  } else mark.setAttribute("visibility", "hidden");
  sky.append(mark);
  return mark;
}

function moveFlight(flight, mark, gone) {
  if (gone < 0) return true;
  const along = Math.min(gone, 1);
  const eased = along < 0.5 ? 2 * along * along : 1 - 2 * (1 - along) * (1 - along);
  const x = flight.from[0] + (flight.to[0] - flight.from[0]) * eased;
  const y = flight.from[1] + (flight.to[1] - flight.from[1]) * eased;
  mark.setAttribute("transform", `translate(${x} ${y})`);
  mark.setAttribute("visibility", "visible");
  if (gone < 1) return true;
  if (flight.end === "lost") {
    mark.cross.setAttribute("visibility", "visible");
    return false; // the cross stays until the next action: a loss must not be missed
  }
  const after = (gone - 1) * flight.length;
  mark.setAttribute("opacity", String(Math.max(0, 1 - after / 250)));
  if (after < 250) return true;
  mark.setAttribute("visibility", "hidden");
  return false;
}

function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

// -------------------------------------------------------------------- controls: {node, input, update}

function field(card, control, input) {
  const node = element("div", "evlab-field");
  const label = element("label", "", control.label);
  input.id = `${card.id}-${control.id}`;
  label.htmlFor = input.id;
  node.append(label);
  return { node, input, label };
}

function block(made, control) {
  made.input.setAttribute("aria-disabled", String(Boolean(control.blocked)));
  if (made.label) setText(made.label, control.label);
}

const MAKE = {
  button(card, control) {
    const input = element("button");
    input.type = "button";
    input.id = `${card.id}-${control.id}`;
    const node = element("div");
    const words = element("span");
    input.append(words);
    node.append(input);
    const made = { node, input };
    input.addEventListener("click", () => card.press(made, null));
    made.update = (now) => {
      input.className = `evlab-button evlab-${now.look}`;
      setText(words, now.label);
      block(made, now);
    };
    return made;
  },

  toggle(card, control) {
    const input = element("button", "evlab-switch");
    input.type = "button";
    input.id = `${card.id}-${control.id}`;
    input.setAttribute("role", "switch");
    const node = element("div");
    node.append(input);
    const made = { node, input };
    input.addEventListener("click", () => {
      const value = input.getAttribute("aria-checked") !== "true";
      if (card.press(made, value)) input.setAttribute("aria-checked", String(value));
    });
    made.update = (now, latest) => {
      setText(input, now.label);
      if (latest) input.setAttribute("aria-checked", String(now.value));
      block(made, now);
    };
    return made;
  },

  select(card, control) {
    const input = element("select");
    const made = field(card, control, input);
    made.node.append(input);
    input.addEventListener("change", () => {
      if (!card.press(made, input.value)) input.value = made.control.value;
    });
    let shown = "";
    made.update = (now, latest) => {
      const options = JSON.stringify(now.options);
      if (options !== shown) {
        shown = options;
        input.replaceChildren(...now.options.map(([value, label]) => {
          const option = element("option", "", label);
          option.value = value;
          return option;
        }));
        input.value = now.value;
      }
      if (latest) input.value = now.value;
      block(made, now);
    };
    return made;
  },

  slider(card, control) {
    const input = element("input");
    input.type = "range";
    const made = field(card, control, input);
    const row = element("div", "evlab-row");
    const output = element("span", "evlab-value"); // an <output> would be read out beside the status line
    row.append(input, output);
    made.node.append(row);
    const write = () => {
      const words = `${input.value}${made.control.unit ? ` ${made.control.unit}` : ""}`;
      setText(output, words);
      input.setAttribute("aria-valuetext", words);
    };
    let last = 0;
    let told = null; // the last value sent while the slider moved, until Python has answered
    input.addEventListener("input", () => {
      write();
      if (made.control.live && !made.control.blocked && performance.now() - last > DRAG) {
        last = performance.now();
        told = Number(input.value);
        card.press(made, told);
      }
    });
    input.addEventListener("change", () => {
      const value = Number(input.value);
      // An arrow key fires both events. Sent twice, one step would be two actions, and be read out twice.
      if (value === (told ?? made.control.value)) return;
      if (!card.press(made, value)) input.value = String(made.control.value);
      write();
    });
    made.update = (now, latest) => {
      input.min = now.low;
      input.max = now.high;
      input.step = now.step;
      if (latest) told = null;
      if (latest && !input.matches(":active")) input.value = String(now.value);
      made.control = now;
      write();
      block(made, now);
    };
    return made;
  },

  text(card, control) {
    const input = element("input");
    input.type = "text";
    input.autocomplete = "off";
    input.spellcheck = false;
    const made = field(card, control, input);
    made.node.append(input);
    let known = null;
    let sent = "";
    input.addEventListener("change", () => {
      sent = input.value;
      if (!card.press(made, input.value)) input.value = made.control.value;
    });
    made.update = (now, latest) => {
      input.maxLength = now.limit;
      input.size = now.limit > 60 ? 22 : 11;
      input.placeholder = now.placeholder;
      // What is being typed stays, unless Python itself has changed the value, or took it and wants the next one.
      const taken = sent && input.value === sent && !now.value && !card.model.get("view").problem;
      if (latest && (taken || now.value !== known || document.activeElement !== input)) {
        input.value = now.value;
        sent = "";
      }
      known = now.value;
      block(made, now);
    };
    return made;
  },
};

function render({ model, el }) {
  const root = element("div");
  el.append(root);
  const card = new Card(model, root);
  card.show(model.get("view"), false);
  const changed = () => card.show(model.get("view"), true);
  const heard = (message) => {
    if (!message || typeof message.run !== "string" || message.n !== card.sent) return;
    card.answered();
    card.showCopy(message);
  };
  model.on("change:view", changed);
  model.on("msg:custom", heard);
  return () => {
    cancelAnimationFrame(card.frame);
    model.off("change:view", changed);
    model.off("msg:custom", heard);
  };
}

export default { render };
