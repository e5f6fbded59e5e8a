// Sorting and filtering of table rows.

/** Return the value by which a column sorts a row. */
export const keyOf = (column, row) => (column.key ? column.key(row) : column.cell(row));

/** Return a comparison of rows by a column. Rows without a value come last in both directions. */
export const comparing = (column, descending) => (first, second) => {
  const [one, other] = [keyOf(column, first), keyOf(column, second)];
  if (one === other) return 0;
  if (one === null || one === undefined) return 1;
  if (other === null || other === undefined) return -1;
  const areNumbers = typeof one === "number" && typeof other === "number";
  const order = areNumbers ? one - other : String(one).localeCompare(String(other));
  return descending ? -order : order;
};

/** Return the rows that contain `text` in any column, in any case. */
export function matching(rows, columns, text) {
  const contains = (row) =>
    columns
      .map((column) => keyOf(column, row))
      .join(" ")
      .toLowerCase()
      .includes(text);
  return text ? rows.filter(contains) : [...rows];
}
