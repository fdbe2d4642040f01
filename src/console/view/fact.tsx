interface FactProps {
  readonly term: string;
  readonly value: string;
  /** An explanation, shown as a tooltip. */
  readonly title?: string | undefined;
  /** The class of the value. */
  readonly id?: string;
}

/** A term and its value, in a `dl`. */
export function Fact({ term, value, title, id }: FactProps) {
  return (
    <div title={title}>
      <dt>{term}</dt>
      <dd id={id}>{value}</dd>
    </div>
  );
}
