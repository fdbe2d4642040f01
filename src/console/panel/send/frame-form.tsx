import type { ComponentChildren } from "preact";
import type { ClientFrameType } from "../../../protocol/client-frames.ts";
import { CLIENT_FIELDS, describeField, type FieldValues, type FrameField } from "./fields.ts";
import { VARIABLES } from "./variables.ts";

/** A type of frame, or free text. */
export type FrameKind = ClientFrameType | "raw";

interface FrameFormProps {
  readonly kind: FrameKind;
  readonly values: FieldValues;
  /** The text to send, before variables are replaced. */
  readonly text: string;
  /** The client that sends it. */
  readonly as: string;
  readonly problem: string;
  /** What the button says. */
  readonly sendLabel: string;
  /** More about how it is sent, below the fields. */
  readonly children: ComponentChildren;
  choose(kind: FrameKind): void;
  setValue(name: string, value: string): void;
  write(text: string): void;
  send(): void;
}

/** The fields of a frame, and the resulting text, which can be edited freely. */
export function FrameForm({
  kind,
  values,
  text,
  as,
  problem,
  sendLabel,
  children,
  choose,
  setValue,
  write,
  send,
}: FrameFormProps) {
  function onKeyDown(event: KeyboardEvent): void {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    send();
  }

  return (
    <form
      class="frame-form"
      id="frame-form"
      noValidate
      onKeyDown={onKeyDown}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div class="form-row">
        <label for="frame-kind">Frame</label>
        <select
          id="frame-kind"
          value={kind}
          onChange={(event) => choose(event.currentTarget.value as FrameKind)}
        >
          {Object.keys(CLIENT_FIELDS).map((type) => (
            <option key={type} value={type}>
              {type}
            </option>
          ))}
          <option value="raw">any text</option>
        </select>
      </div>
      {kind !== "raw" &&
        Object.entries(CLIENT_FIELDS[kind]).map(([name, field]) => (
          <FieldRow
            key={name}
            name={name}
            field={field}
            value={values[name] ?? ""}
            set={(value) => setValue(name, value)}
          />
        ))}
      {children}
      <label for="raw" class="raw-label">
        Sent as
      </label>
      <textarea
        id="raw"
        rows={4}
        spellcheck={false}
        value={text}
        aria-describedby="variables"
        onInput={(event) => write(event.currentTarget.value)}
      />
      <p class="fine" id="variables">
        {Object.entries(VARIABLES).map(([name, [words, more]]) => (
          <span key={name} title={more}>
            <code>{`{{${name}}}`}</code> {words}{" "}
          </span>
        ))}
      </p>
      <div class="form-row">
        <button class="primary" id="send-frame" type="submit" title="Send (Ctrl + Enter)">
          {sendLabel}
        </button>
        <span class="fine">as {as}</span>
        <p class="problem" role="alert">
          {problem}
        </p>
      </div>
    </form>
  );
}

interface FieldRowProps {
  readonly name: string;
  readonly field: FrameField;
  readonly value: string;
  set(value: string): void;
}

function FieldRow({ name, field, value, set }: FieldRowProps) {
  const id = `field-${name}`;
  const about = describeField(field);
  return (
    <div class="form-row">
      <label for={id}>{name}</label>
      {field.kind === "boolean" ? (
        <select id={id} value={value} onChange={(event) => set(event.currentTarget.value)}>
          <option value="true">true</option>
          <option value="false">false</option>
        </select>
      ) : (
        <input
          id={id}
          value={value}
          inputMode={field.kind === "integer" ? "numeric" : "text"}
          autocomplete="off"
          spellcheck={false}
          placeholder={about}
          title={about}
          onInput={(event) => set(event.currentTarget.value)}
        />
      )}
    </div>
  );
}
