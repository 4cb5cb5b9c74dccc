/** Rows as aligned text: numbers to the right, everything else to the left. */

export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => String(row[column] ?? '').length)),
  );
  const line = (cells: readonly (string | number)[]) => {
    const aligned = cells.map((cell, column) => {
      const width = widths[column] ?? 0;
      return typeof cell === 'number' ? String(cell).padStart(width) : cell.padEnd(width);
    });
    return `  ${aligned.join('  ')}`.trimEnd();
  };
  return [line(head), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)];
}
