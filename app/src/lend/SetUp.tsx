/** The form: the server, the credentials, the name of this tab, and its device. */
import type { Signal } from '@preact/signals';
import { useRef, useState } from 'preact/hooks';
import type { AdapterChoice } from '../lab/protocol.ts';
import { Button } from '../ui/Button.tsx';
import { SelectField, SwitchField, TextAreaField, TextField } from '../ui/fields.tsx';
import { visibleText } from '../ui/visibleText.ts';
import { type GivenCredentials, looksLikeCredentials, MOST_BYTES, NO_CREDENTIALS } from './credentials.ts';
import { lending } from './lending.ts';

/** Settings as the form has them. */
export interface FormSettings {
  readonly name: string;
  readonly adapter: AdapterChoice;
  readonly credentials: GivenCredentials | undefined;
  /** Keep the credentials in this browser. */
  readonly isKept: boolean;
}

const DEVICES = [
  { value: 'auto', label: 'The fastest' },
  { value: 'webgpu', label: 'WebGPU' },
  { value: 'wasm', label: 'WebAssembly' },
] as const;

export interface SetUpProps {
  readonly server: string;
  readonly onServer: (server: string) => void;
  readonly serverError: string | undefined;
  readonly settings: Signal<FormSettings>;
  readonly disabled: boolean;
}

export function SetUp({ server, onServer, serverError, settings, disabled }: SetUpProps) {
  const { name, adapter } = settings.value;
  const change = (changed: Partial<FormSettings>): void => {
    settings.value = { ...settings.peek(), ...changed };
  };
  return (
    <div class="set-up">
      <div class="stack">
        <TextField
          label="Server"
          mono
          value={server}
          onInput={onServer}
          placeholder="wss://host:8443"
          help="The address for WebSockets, as the owner of the training gives it."
          error={serverError}
          disabled={disabled}
          testid="server"
        />
        <TextField
          label="Name of this tab"
          value={name}
          onInput={(value) => change({ name: value.slice(0, 60) })}
          help="The owner of the training sees it."
          disabled={disabled}
        />
        <SelectField
          label="Device"
          value={adapter}
          choices={DEVICES}
          onInput={(value) => change({ adapter: value })}
          help="A training may take only machines of its own kind. WebAssembly is the same on all."
          disabled={disabled}
          testid="device"
        />
      </div>
      <div class="stack">
        <Credentials settings={settings} change={change} disabled={disabled} />
        {lending.screen.isOffered && (
          <SwitchField
            label="Keep the screen on"
            help="A device that sleeps does not work."
            value={lending.screen.isWanted.value}
            onInput={(value) => lending.screen.want(value)}
          />
        )}
      </div>
    </div>
  );
}

interface CredentialsProps {
  readonly settings: Signal<FormSettings>;
  readonly change: (changed: Partial<FormSettings>) => void;
  readonly disabled: boolean;
}

/** Takes credentials from a file or as text. Those that are given are named, not shown. */
function Credentials({ settings, change, disabled }: CredentialsProps) {
  const [draft, setDraft] = useState('');
  const [error, setError] = useState<string>();
  const file = useRef<HTMLInputElement>(null);
  const { credentials, isKept } = settings.value;
  const take = (text: string, from: string): void => {
    const isOne = looksLikeCredentials(text);
    setError(isOne || text.trim() === '' ? undefined : NO_CREDENTIALS);
    setDraft(isOne ? '' : text);
    if (isOne) change({ credentials: { text, from } });
  };
  const read = async (chosen: File | undefined): Promise<void> => {
    if (!chosen) return;
    if (chosen.size > MOST_BYTES) setError(NO_CREDENTIALS);
    else take(await chosen.text(), chosen.name);
  };
  if (credentials) {
    return (
      <div class="stack credentials">
        <p class="given" data-testid="credentials-given">
          <span class="quiet">Credentials</span>
          <span>{visibleText(credentials.from)}</span>
          <Button
            small
            icon="close"
            disabled={disabled}
            onClick={() => change({ credentials: undefined, isKept: false })}
          >
            Remove
          </Button>
        </p>
        <SwitchField
          label="Keep them in this browser"
          help="Anybody who uses this browser can use them then. Otherwise they are forgotten with the page."
          value={isKept}
          onInput={(value) => change({ isKept: value })}
          disabled={disabled}
        />
      </div>
    );
  }
  return (
    <div class="stack credentials">
      <TextAreaField
        label="Credentials"
        value={draft}
        onInput={(text) => take(text, 'pasted text')}
        placeholder="-----BEGIN NATS USER JWT-----"
        help="Leave this empty for a server that takes anybody."
        error={error}
        disabled={disabled}
        testid="credentials"
      />
      <div class="row">
        <Button small icon="upload" disabled={disabled} onClick={() => file.current?.click()}>
          Choose a file
        </Button>
        <input
          ref={file}
          type="file"
          accept=".creds,.txt"
          hidden
          data-testid="credentials-file"
          onChange={({ currentTarget }) => {
            void read(currentTarget.files?.[0]);
            currentTarget.value = '';
          }}
        />
      </div>
    </div>
  );
}
