// Source maps encode numbers as base64 digits of five bits each, the lowest first, and only as differences from the
// previous segment (ECMA-426 §5 "Base64 VLQ").
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Returns `mappings` with only the first segment of each line: the code is not minified, so further segments add nothing. */
export function mapLines(mappings: string): string {
  /** Source, line and column of the current segment, and of the last one written. */
  let position = [0, 0, 0];
  let written = [0, 0, 0];
  const lines = mappings.split(";").map((line) => {
    let first: readonly [number, readonly number[]] | undefined;
    for (const segment of line === "" ? [] : line.split(",")) {
      const [column = 0, ...steps] = decode(segment);
      position = position.map((value, field) => value + (steps[field] ?? 0));
      first ??= [column, position];
    }
    if (first === undefined) return "";
    const [column, original] = first;
    const steps = original.map((value, field) => value - written[field]!);
    written = [...original];
    return [column, ...steps].map(encode).join("");
  });
  return lines.join(";");
}

function decode(segment: string): number[] {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit);
    value |= (bits & 31) << shift;
    shift += 5;
    if (bits >= 32) continue;
    numbers.push(value & 1 ? -(value >> 1) : value >> 1);
    value = shift = 0;
  }
  return numbers;
}

function encode(number: number): string {
  let rest = Math.abs(number) * 2 + (number < 0 ? 1 : 0);
  let text = "";
  do {
    const bits = rest & 31;
    rest >>= 5;
    text += DIGITS[rest > 0 ? bits + 32 : bits];
  } while (rest > 0);
  return text;
}
