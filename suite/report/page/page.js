
"use strict";
(() => {
  const ROWS = 50;
  const byId = (id) => document.getElementById(id);
  const make = (name, text, attributes) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    return element;
  };

  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = byId("theme");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const name = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  // A page that is read from a file may have no storage.
  try { const kept = localStorage.getItem("theme"); if (kept) root.dataset.theme = kept; } catch {}
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch {}
    name();
  });
  dark.addEventListener("change", name);
  button.hidden = false;
  name();

  const data = JSON.parse(byId("data").textContent);
  const columns = {};
  for (const column of data.columns) columns[column.name] = column;
  const shown = data.columns.filter((column) => !column.hidden);
  const value = (column, row) => (column.names ? column.names[column.at[row]] : column.values[row]);
  const amount = (text) => parseFloat(String(text).replaceAll(",", ""));
  const state = { order: null, descending: false, page: 0, rows: [] };

  const haystacks = [];
  const haystack = (row) => (haystacks[row] ??= shown.map((column) => value(column, row)).join(" ").toLowerCase());

  const words = make("input", undefined, { type: "search", autocomplete: "off", spellcheck: "false" });
  const choices = {};
  const labelled = (text, control) => {
    const box = make("div");
    control.id = "filter-" + text;
    box.append(make("label", text, { for: control.id }), control);
    byId("filters").append(box);
    control.addEventListener("input", () => { state.page = 0; filter(); });
  };
  labelled("search", words);
  for (const key of ["setting", "method", "status"]) {
    const select = make("select");
    select.append(make("option", "all", { value: "" }));
    const column = columns[key];
    const names = [...new Set(column.names ?? column.values)];
    for (const each of names) select.append(make("option", each, { value: each }));
    choices[key] = select;
    labelled(key, select);
  }

  function filter() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = Object.keys(choices).filter((key) => choices[key].value);
    state.rows = [];
    for (let row = 0; row < data.count; row++) {
      const kept = chosen.every((key) => value(columns[key], row) === choices[key].value);
      if (kept && wanted.every((word) => haystack(row).includes(word))) state.rows.push(row);
    }
    sort();
  }

  const collator = new Intl.Collator("en", { numeric: true });
  function compare(column, one, other) {
    if (!column.number) return collator.compare(value(column, one), value(column, other));
    return amount(value(column, one)) - amount(value(column, other));
  }
  function sort() {
    const column = state.order;
    if (column) {
      const sign = state.descending ? -1 : 1;
      const empty = (row) => column.number && Number.isNaN(amount(value(column, row)));
      state.rows.sort((one, other) => {
        const gap = empty(one) - empty(other);
        return gap || sign * compare(column, one, other) || one - other;
      });
    }
    draw();
  }

  const body = make("tbody");
  const heads = shown.map((column) => {
    const head = make("th", undefined, { scope: "col", "aria-sort": "none" });
    if (column.number) head.className = "amount";
    const press = make("button", column.name, { type: "button" });
    press.addEventListener("click", () => {
      state.descending = state.order === column && !state.descending;
      state.order = column;
      state.page = 0;
      for (const each of heads) each.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      filter();
    });
    head.append(press);
    return head;
  });

  function cell(column, row) {
    const text = value(column, row);
    if (column.name !== "record") {
      const made = make("td", text);
      if (column.number) made.className = "amount";
      if (column.name === "failure") made.className = text ? "long" : "";
      return made;
    }
    const made = make("th", undefined, { scope: "row" });
    const href = data.base + value(columns.folder, row) + "/" + text;
    const link = make("a", undefined, { href });
    link.append(make("code", text.replace(/\.json$/, "")));
    made.append(link);
    return made;
  }

  const back = make("button", "Previous", { type: "button" });
  const on = make("button", "Next", { type: "button" });
  const turn = (by) => () => { state.page += by; draw(); };
  back.addEventListener("click", turn(-1));
  on.addEventListener("click", turn(1));

  function draw() {
    const first = state.page * ROWS;
    const rows = state.rows.slice(first, first + ROWS);
    body.replaceChildren(...rows.map((row) => {
      const line = make("tr");
      line.append(...shown.map((column) => cell(column, row)));
      return line;
    }));
    const total = state.rows.length.toLocaleString("en");
    const of = `of ${data.count.toLocaleString("en")} records`;
    const range = rows.length ? `${first + 1} to ${first + rows.length}` : "none";
    byId("found").textContent = `${total} ${of} match; shown: ${range}`;
    back.disabled = state.page === 0;
    on.disabled = first + ROWS >= state.rows.length;
  }

  const head = make("thead");
  const line = make("tr");
  line.append(...heads);
  head.append(line);
  const table = make("table");
  table.append(head, body);
  byId("table").append(table);
  byId("pages").append(back, on);
  filter();
})();
