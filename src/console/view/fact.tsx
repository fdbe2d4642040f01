interface FactProps {
  readonly term: string;
  readonly value: string;
  /** What it means, for who points at it. */
  readonly title?: string | undefined;
  /** Of the value. */
  readonly id?: string;
}

/** A term and what it is now, in a `dl`. */
export function Fact({ term, value, title, id }: FactProps) {
  return (
    <div title={title}>
      <dt>{term}</dt>
      <dd id={id}>{value}</dd>
    </div>
  );
}
