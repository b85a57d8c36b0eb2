// Draws one card of a drill or an interview, and reports to Python what was pressed. Python decides what comes next.
// Words are set as text, never as HTML; what stands in `backticks` becomes a <code> element.

const WAIT = 400; // ms without an answer before the card says that Python is busy
const SIGNS = { right: "\u2713", wrong: "\u2717" };
const HOW = {
  choice: "Press a number, or click.", trace: "Press a number, or click.",
  order: "Move an item with the arrow keys or the mouse. Enter checks.",
  cloze: "Fill the gaps. Enter checks.", numeric: "Type a number. Enter checks.",
};

let cards = 0; // ids must differ when a card is shown twice

function element(tag, classes = "", text = "") {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  if (text) setWords(made, text);
  return made;
}

function setWords(node, text) {
  if (node.dataset.words === text) return;
  node.dataset.words = text;
  node.replaceChildren(...text.split(/`([^`]+)`/).map((part, index) => {
    if (index % 2 === 0) return part;
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  }));
}

class Card {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.id = `evlab-drill-${(cards += 1)}-${Math.floor(Math.random() * 1e6)}`;
    this.sent = Math.floor(Math.random() * 1e9);
    this.notes = "";
    root.className = "evlab-card evlab-drill";
    root.tabIndex = -1; // a click anywhere on the card gives it the keyboard
    root.setAttribute("role", "group");
    // JupyterLab moves the cell selection on arrow keys, and inserts cells on letters, wherever the focus is.
    root.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      event.stopPropagation();
      this.press(event);
    });
    this.show(model.get("view"));
  }

  stop() {
    clearTimeout(this.waiting);
    clearInterval(this.ticking);
  }

  send(action, value = null) {
    this.sent += 1;
    this.model.send({ action, value, n: this.sent });
    clearTimeout(this.waiting);
    this.waiting = setTimeout(
      () => setWords(this.status, "Waiting for Python. If no cell is running, run this one again."), WAIT);
  }

  show(view) {
    if (view.n === this.sent) clearTimeout(this.waiting);
    if (!this.view || view.step !== this.view.step) {
      const inside = this.root.contains(document.activeElement);
      this.build(view);
      if (inside) (this.first || this.root).focus();
    }
    this.view = view;
    setWords(this.status, view.status || (view.phase === "ask" && HOW[view.kind]) || "");
    this.status.classList.toggle("evlab-warn", view.warn);
    this.showProof(view.proof);
    this.root.dataset.n = String(view.n);
    this.root.dataset.phase = view.phase;
  }

  // ------------------------------------------------------------------------------------------- building a card

  build(view) {
    clearInterval(this.ticking);
    this.first = null;
    this.read = () => null; // the answer, as Python takes it
    this.onNumber = null; // what a number key does
    this.goOn = null; // the field that still waits for an answer
    const head = element("div", "evlab-head");
    const label = element("p", "evlab-label", view.about ? `${view.label} \u00b7 ${view.about}` : view.label);
    this.left = element("span", "evlab-run", view.left);
    head.append(label, this.left);
    this.question = element("p", "evlab-question", view.prompt);
    this.question.id = `${this.id}-question`;
    this.root.setAttribute("aria-labelledby", this.question.id);
    const body = [head, this.question];
    if (view.trace) body.push(this.code(view.trace));
    if (view.verdict) body.push(this.buildVerdict(view));
    if (view.options.length) body.push(this.buildOptions(view));
    if (view.items.length) body.push(view.phase === "ask" ? this.buildItems(view) : this.list(view.items, "ol"));
    if (view.parts.length) body.push(this.buildParts(view));
    if (view.kind === "numeric" && view.phase === "ask") body.push(this.buildNumber(view));
    if (view.kind === "open" && (view.phase === "ask" || view.phase === "rubric")) body.push(this.buildNotes(view));
    if (view.rubric.length) body.push(view.phase === "rubric" ? this.buildRubric(view) : this.list(view.rubric, "ul"));
    if (view.rows.length) body.push(this.buildRows(view));
    this.proof = element("div", "evlab-proof");
    this.proof.hidden = true;
    if (view.note) body.push(element("p", "evlab-small", view.note));
    this.status = element("p", "evlab-status evlab-small");
    this.status.setAttribute("role", "status");
    this.status.setAttribute("aria-live", "polite");
    body.push(this.proof, this.buildButtons(view));
    this.root.replaceChildren(...body);
    if (view.phase !== "ask" || !this.first) this.first = this.main || this.first;
    if (view.phase === "ask" && view.options.length) this.first = this.root; // number keys answer from here
    if (view.phase === "rubric") this.first = this.ticks[0];
    if (view.until) this.runClock(view.until);
  }

  buildButtons(view) {
    const foot = element("div", "evlab-commit");
    this.main = null;
    this.keys = new Map();
    for (const one of view.buttons) {
      const button = element("button", `evlab-button${one.look === "plain" ? "" : ` evlab-${one.look}`}`, one.label);
      button.type = "button";
      if (one.key) {
        const key = element("kbd", "evlab-key", one.key);
        key.setAttribute("aria-hidden", "true");
        button.append(" ", key);
        button.setAttribute("aria-keyshortcuts", one.key);
      }
      const act = () => this.send(one.action, one.action === "answer" ? this.read() : one.value);
      button.addEventListener("click", act);
      if (one.key === "Enter") this.main = button;
      else if (one.key) this.keys.set(one.key, act);
      foot.append(button);
    }
    foot.append(this.status);
    return foot;
  }

  buildVerdict(view) {
    const tone = view.good === null ? "" : view.good ? "right" : "wrong";
    const line = element("p", `evlab-verdict${tone ? ` evlab-${tone}` : ""}`);
    if (tone) line.append(this.sign(tone));
    line.append(element("span", "", view.verdict));
    return line;
  }

  buildOptions(view) {
    const list = element("div", "evlab-options");
    const open = view.phase === "ask";
    view.options.forEach((option, place) => {
      const node = element(open ? "button" : "div", `evlab-option${option.tone ? ` evlab-${option.tone}` : ""}`);
      if (!open) node.classList.add("evlab-locked");
      const words = element("span");
      words.append(element("span", "", option.text));
      if (option.why) words.append(element("span", "evlab-why", `${option.chosen ? "You chose this. " : ""}${option.why}`));
      const mark = option.tone ? this.sign(option.tone) : element("kbd", "evlab-key", String(place + 1));
      node.append(mark, words);
      if (open) {
        node.type = "button";
        node.setAttribute("aria-keyshortcuts", String(place + 1));
        node.addEventListener("click", () => this.send("answer", option.value));
      }
      list.append(node);
    });
    if (open) this.onNumber = (number) => view.options[number] && this.send("answer", view.options[number].value);
    return list;
  }

  // An order card: each row can be moved by the arrow keys, by a number (to that place), and by the mouse.
  buildItems(view) {
    const list = element("ol", "evlab-options evlab-items");
    this.rows = view.items.map((item) => {
      const row = element("li", "evlab-option evlab-item");
      row.tabIndex = 0;
      row.dataset.value = String(item.value);
      row.append(element("kbd", "evlab-key"), element("span", "evlab-fill", item.text));
      for (const [step, sign, name] of [[-1, "\u2191", "up"], [1, "\u2193", "down"]]) {
        const button = element("button", "evlab-button evlab-quiet evlab-move", sign);
        button.type = "button";
        button.tabIndex = -1; // the arrow keys on the row do the same
        button.setAttribute("aria-label", `Move ${name}: ${item.text}`);
        button.addEventListener("click", () => this.move(row, this.rows.indexOf(row) + step));
        row.append(button);
      }
      row.addEventListener("keydown", (event) => {
        const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
        if (!step || event.target !== row) return;
        event.preventDefault();
        this.move(row, this.rows.indexOf(row) + step);
      });
      row.addEventListener("pointerdown", (event) => this.drag(event, row));
      return row;
    });
    list.append(...this.rows);
    this.number();
    this.read = () => this.rows.map((row) => Number(row.dataset.value));
    this.onNumber = (number) => {
      const row = this.rows.find((one) => one === document.activeElement);
      if (row) this.move(row, number);
    };
    this.first = this.rows[0];
    return list;
  }

  move(row, place) {
    if (place < 0 || place >= this.rows.length || this.rows[place] === row) return;
    const list = row.parentNode;
    this.rows.splice(this.rows.indexOf(row), 1);
    this.rows.splice(place, 0, row);
    const focused = this.root.contains(document.activeElement);
    list.replaceChildren(...this.rows);
    this.number();
    if (focused) row.focus();
    setWords(this.status, `${row.querySelector(".evlab-fill").textContent}: now ${place + 1} of ${this.rows.length}.`);
  }

  number() {
    this.rows.forEach((row, place) => setWords(row.firstChild, String(place + 1)));
  }

  drag(event, row) {
    if (event.button !== 0 || event.target.closest("button")) return;
    const moved = (move) => {
      row.classList.add("evlab-dragged");
      const place = this.rows.findIndex((one) => {
        const box = one.getBoundingClientRect();
        return move.clientY >= box.top && move.clientY <= box.bottom;
      });
      if (place >= 0) this.move(row, place);
    };
    const done = () => {
      row.classList.remove("evlab-dragged");
      document.removeEventListener("pointermove", moved);
      document.removeEventListener("pointerup", done);
      document.removeEventListener("pointercancel", done);
    };
    document.addEventListener("pointermove", moved);
    document.addEventListener("pointerup", done);
    document.addEventListener("pointercancel", done);
  }

  // A cloze card: the sentence with fields in its gaps; once told, with what was typed and what is right.
  buildParts(view) {
    const line = element("p", "evlab-cloze");
    const fields = [];
    for (const part of view.parts) {
      line.append(element("span", "", part.words));
      if (!part.gap) continue;
      if (view.phase === "ask") {
        const field = this.field(14);
        fields.push(field);
        field.setAttribute("aria-label", `Gap ${fields.length}`);
        line.append(field);
      } else line.append(this.filled(part));
    }
    if (fields.length) {
      this.first = fields[0];
      this.read = () => fields.map((field) => field.value.trim());
      this.goOn = () => fields.find((field) => !field.value.trim());
    }
    return line;
  }

  filled(part) {
    const node = element("span", `evlab-gap evlab-${part.tone}`);
    node.append(this.sign(part.tone));
    if (part.given) node.append(element(part.tone === "right" ? "span" : "s", "", part.given));
    if (part.right) node.append(" ", element("b", "", part.right));
    return node;
  }

  buildNumber(view) {
    const row = element("div", "evlab-ask");
    const field = this.field(12);
    field.inputMode = "decimal";
    field.setAttribute("aria-labelledby", this.question.id);
    row.append(field, element("span", "", view.unit));
    this.first = field;
    this.read = () => field.value.trim();
    this.goOn = () => (field.value.trim() ? null : field);
    return row;
  }

  field(size) {
    const field = element("input");
    Object.assign(field, { type: "text", size, autocomplete: "off", spellcheck: false, maxLength: 80 });
    return field;
  }

  buildNotes(view) {
    const box = element("div", "evlab-notes-box");
    const field = element("textarea");
    field.rows = view.phase === "ask" ? 5 : 3;
    field.placeholder = "Say it aloud, or write it here. What you write is not kept.";
    field.setAttribute("aria-labelledby", this.question.id);
    if (view.phase === "ask" && !(this.view && this.view.prompt === view.prompt)) this.notes = "";
    field.value = this.notes;
    field.readOnly = view.phase !== "ask";
    field.hidden = field.readOnly && !this.notes;
    field.addEventListener("input", () => { this.notes = field.value; });
    if (view.phase === "ask") this.first = field;
    box.append(field);
    return box;
  }

  buildRubric(view) {
    const set = element("fieldset", "evlab-options");
    set.append(element("legend", "evlab-small", "What did you say? Number keys tick, Enter is done."));
    this.ticks = view.rubric.map((point, place) => {
      const label = element("label", "evlab-option");
      const tick = element("input");
      tick.type = "checkbox";
      tick.addEventListener("change", () => label.classList.toggle("evlab-chosen", tick.checked));
      label.append(tick, element("kbd", "evlab-key", String(place + 1)), element("span", "evlab-fill", point.text),
        element("span", "evlab-small", point.weight));
      set.append(label);
      return tick;
    });
    this.read = () => view.rubric.filter((_, place) => this.ticks[place].checked).map((point) => point.value);
    this.onNumber = (number) => this.ticks[number] && this.ticks[number].click();
    return set;
  }

  list(entries, tag) {
    const list = element(tag, "evlab-told");
    for (const entry of entries) {
      const line = element("li", entry.tone ? `evlab-${entry.tone}` : "");
      if (entry.tone) line.append(this.sign(entry.tone));
      line.append(element("span", "", entry.text));
      list.append(line);
    }
    return list;
  }

  buildRows(view) {
    const list = element("dl", "evlab-rows");
    let before = "";
    for (const [label, text] of view.rows) {
      list.append(element("dt", "", label === before ? "" : label), element("dd", "", text));
      before = label;
    }
    return list;
  }

  showProof(proof) {
    this.proof.hidden = !proof;
    const made = JSON.stringify(proof);
    if (!proof || this.proof.dataset.made === made) return;
    this.proof.dataset.made = made;
    const parts = [element("p", "evlab-label", "The proof"), this.code(proof.code)];
    if (proof.printed) parts.push(element("p", "evlab-small", "It prints"), this.code(proof.printed));
    if (proof.error) parts.push(element("p", "evlab-problem", `The proof stopped: ${proof.error}`));
    parts.push(this.list(proof.checks.map((check) => ({
      text: `\`${check.text}\` is ${check.value}`, tone: check.good ? "right" : "wrong" })), "ul"));
    this.proof.replaceChildren(...parts);
  }

  code(text) {
    const block = element("pre", "evlab-code");
    block.textContent = text;
    return block;
  }

  sign(tone) {
    const sign = element("span", "evlab-sign", SIGNS[tone]);
    sign.setAttribute("role", "img");
    sign.setAttribute("aria-label", tone === "right" ? "right" : "wrong");
    return sign;
  }

  runClock(until) {
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      const sign = left < 0 ? "-" : "";
      setWords(this.left, `${sign}${Math.floor(Math.abs(left) / 60)}:${String(Math.abs(left) % 60).padStart(2, "0")} left`);
    };
    tick();
    this.ticking = setInterval(tick, 1000);
  }

  // --------------------------------------------------------------------------------------------------- the keys

  press(event) {
    // No number has an x, and a field that is empty is where one says that one does not know.
    const typing = event.target.matches("input[type=text], textarea")
      && !(event.key === "x" && this.view.kind === "numeric" && event.target.value === "");
    if (event.key === "Enter") {
      if (event.target.matches("textarea:not([readonly]), button, summary")) return; // a new line; a button's own press
      event.preventDefault();
      const empty = this.goOn && this.view.phase === "ask" && this.goOn();
      if (empty && empty !== event.target) empty.focus();
      else if (this.main) this.main.click();
      return;
    }
    if (typing || event.shiftKey) return;
    if (/^[1-9]$/.test(event.key) && this.onNumber) {
      event.preventDefault();
      this.onNumber(Number(event.key) - 1);
    } else if (this.keys.has(event.key)) {
      event.preventDefault();
      this.keys.get(event.key)();
    }
  }
}

function render({ model, el }) {
  const root = element("div");
  el.append(root);
  const card = new Card(model, root);
  const changed = () => card.show(model.get("view"));
  model.on("change:view", changed);
  return () => {
    card.stop();
    model.off("change:view", changed);
  };
}

export default { render };
