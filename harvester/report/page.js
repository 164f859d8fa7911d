"use strict";
// The page stands without this: what follows sorts and pages its table, and shows what marks say.
(() => {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  document.addEventListener("pointermove", (event) => {
    const mark = event.target.closest?.("figure [aria-label][role='graphics-symbol']");
    tip.hidden = !mark || mark.getAttribute("aria-roledescription") === "axis";
    if (tip.hidden) return;
    tip.textContent = mark.getAttribute("aria-label");
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 12, room))}px`;
    const above = event.clientY - tip.offsetHeight - 12;
    tip.style.top = `${above > 4 ? above : event.clientY + 18}px`;
  });

  const table = document.querySelector("#partitions table");
  if (!table) return;
  const PAGE = 50;
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row, place) => ({
    row,
    place,
    text: row.textContent.toLowerCase(),
    state: row.cells[1].textContent,
    keys: [...row.cells].map((cell) => {
      const value = cell.dataset.value ?? cell.textContent.replaceAll(",", "");
      return value !== "" && !Number.isNaN(Number(value)) ? Number(value) : value;
    }),
  }));
  const tools = document.querySelector("#partitions .tools");
  const [input] = tools.getElementsByTagName("input");
  const [select] = tools.getElementsByTagName("select");
  const [back, on] = tools.getElementsByTagName("button");
  const where = tools.querySelector(".where");
  tools.hidden = rows.length < 2;
  let page = 0;
  let column = -1;
  let sign = 1;

  const compare = (a, b) => {
    if (column >= 0 && a.keys[column] !== b.keys[column]) {
      const [x, y] = [a.keys[column], b.keys[column]];
      const order = typeof x === typeof y ? (x < y ? -1 : 1) : typeof x === "number" ? 1 : -1;
      return sign * order;
    }
    return a.place - b.place;
  };
  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/);
    const found = rows.filter(
      (item) =>
        words.every((word) => item.text.includes(word)) &&
        (!select.value || item.state === select.value),
    );
    found.sort(compare);
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    page = Math.min(page, pages - 1);
    const shown = found.slice(page * PAGE, (page + 1) * PAGE);
    for (const item of rows) item.row.hidden = true;
    for (const item of shown) item.row.hidden = false;
    body.append(...shown.map((item) => item.row));
    const first = page * PAGE + 1;
    where.textContent = found.length
      ? `${first.toLocaleString("en")}–${(first + shown.length - 1).toLocaleString("en")} of ${found.length.toLocaleString("en")}`
      : "none match";
    back.disabled = page === 0;
    on.disabled = page >= pages - 1;
    back.hidden = on.hidden = pages === 1;
  };
  const from = (first) => () => {
    page = first();
    show();
  };
  input.addEventListener("input", from(() => 0));
  select.addEventListener("change", from(() => 0));
  back.addEventListener("click", from(() => page - 1));
  on.addEventListener("click", from(() => page + 1));
  [...table.tHead.rows[0].cells].forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      sign = column === place ? -sign : rows.some((item) => typeof item.keys[place] === "number") ? -1 : 1;
      column = place;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      page = 0;
      show();
    });
  });
  show();
})();
