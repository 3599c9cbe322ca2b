/** Shows the work of the lent tab, its run, items, tokens and device, and the reasons why it does not work. */
import { Badge, type Tone } from '../ui/Badge.tsx';
import { Button } from '../ui/Button.tsx';
import { formatCount, formatNumber } from '../ui/format.ts';
import { Notice } from '../ui/Notice.tsx';
import { Stat, Stats } from '../ui/Stat.tsx';
import { visibleText } from '../ui/visibleText.ts';
import { unreachableReasons } from './address.ts';
import type { LendState, LendStatus } from './lendState.ts';

const STATUS: Readonly<Record<LendStatus, string>> = {
  idle: 'not lent',
  opening: 'opening the device',
  connecting: 'connecting',
  waiting: 'connected, waiting for a run',
  working: 'working',
  disconnected: 'connection lost, trying again',
  stopping: 'finishing the item at hand',
};

const TONES: Readonly<Record<LendStatus, Tone>> = {
  idle: 'neutral',
  opening: 'info',
  connecting: 'info',
  waiting: 'info',
  working: 'good',
  disconnected: 'warning',
  stopping: 'info',
};

/** Letters of another machine's words that are shown. */
const MOST_LETTERS = 500;
const words = (text: string): string => visibleText(text.slice(0, MOST_LETTERS));

/** Return the last part of a path: a run's name may be that of its directory. */
const lastPart = (name: string): string => name.split(/[/\\]/).findLast((part) => part !== '') ?? name;

export const LendStatusBadge = ({ status }: { readonly status: LendStatus }) => (
  <Badge tone={TONES[status]} testid="status">
    {STATUS[status]}
  </Badge>
);

export function LendFigures({ state }: { readonly state: LendState }) {
  const { status, run, counts, version, device } = state;
  if (status === 'idle' && counts.items === 0) return null;
  return (
    <Stats>
      <Stat
        label="Run"
        value={run === undefined ? null : words(lastPart(run))}
        note={version === undefined ? undefined : `weights of version ${formatCount(version)}`}
        testid="run"
      />
      <Stat label="Items" value={formatCount(counts.items)} note="results that were sent" testid="items" />
      <Stat label="Tokens" value={formatCount(counts.tokens)} testid="tokens" />
      <Stat
        label="Tokens/s"
        value={counts.items === 0 ? null : formatNumber(counts.tokensPerSecond)}
        note="of the latest items"
      />
      <Stat
        label="Device"
        value={device ? (device.kind === 'wasm' ? 'WebAssembly' : 'WebGPU') : null}
        note={device && `${device.description}, class ${device.class}`}
        testid="device-in-use"
      />
    </Stats>
  );
}

export interface LendMessagesProps {
  readonly state: LendState;
  readonly server: string;
  /** Chooses WebAssembly, where that may help. */
  readonly onWasm: (() => void) | undefined;
}

export function LendMessages({ state, server, onWasm }: LendMessagesProps) {
  const { failure, notices } = state;
  return (
    <div class="messages">
      {failure && (
        <Notice kind="error" title={named(words(failure.problem))} fix={words(failure.fix)} testid="failure">
          {failure.code === 'SERVER_UNREACHABLE' && <Reasons server={server} />}
        </Notice>
      )}
      {notices.map(({ about, problem, fix, isOfClass }) => (
        <Notice
          key={about}
          kind="warning"
          title={words(problem)}
          fix={words(fix)}
          testid="notice"
          actions={
            isOfClass &&
            onWasm && (
              <Button small onClick={onWasm}>
                Use WebAssembly
              </Button>
            )
          }
        />
      ))}
    </div>
  );
}

/** Begin a sentence that begins with an address by a word. */
const named = (problem: string): string => problem.replace(/^(?=wss?:)/, 'The server ');

function Reasons({ server }: { readonly server: string }) {
  return (
    <>
      <p>A browser does not say why. It may be one of these:</p>
      <ul class="reasons">
        {unreachableReasons(server, location.origin).map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
    </>
  );
}
