/** Lend this tab: it makes completions for a training on another machine. */
import { signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { navigate } from '../shell/navigation.ts';
import { PageTitle } from '../shell/PageTitle.tsx';
import type { LendRoute } from '../shell/routes.ts';
import { Button } from '../ui/Button.tsx';
import { Notice } from '../ui/Notice.tsx';
import { Panel } from '../ui/Panel.tsx';
import { visibleText } from '../ui/visibleText.ts';
import { addressProblem, hostOf } from './address.ts';
import { lending } from './lending.ts';
import './lend.css';
import { lentBefore, remember, remembered } from './remembered.ts';
import { type FormSettings, SetUp } from './SetUp.tsx';
import { LendFigures, LendMessages, LendStatusBadge } from './Working.tsx';

const kept = remembered();
const settings = signal<FormSettings>({
  name: kept?.name ?? `${browserName(navigator.userAgent)} tab`,
  adapter: kept?.adapter ?? 'auto',
  credentials:
    kept?.credentials === undefined ? undefined : { text: kept.credentials, from: 'kept in this browser' },
  isKept: kept?.credentials !== undefined,
});

export function LendPage({ route }: { readonly route: LendRoute }) {
  const [isChecked, setChecked] = useState(false);
  const state = lending.state.value;
  const isIdle = state.status === 'idle';
  const before = isIdle ? lentBefore() : undefined;
  const server = route.server || before || kept?.server || '';
  const problem = addressProblem(server, location.protocol);
  const isProposed =
    isIdle && route.server !== '' && route.server !== kept?.server && before === undefined && !isChecked;
  const start = (): void => {
    setChecked(true);
    if (problem) return;
    const { name, adapter, credentials, isKept } = settings.peek();
    const address = server.trim();
    remember({ server: address, name, adapter, credentials: isKept ? credentials?.text : undefined });
    lending.start({ server: address, credentials: credentials?.text, name: name.trim() || 'tab', adapter });
  };
  const onWasm = settings.value.adapter === 'wasm' ? undefined : () => void useWasm();
  return (
    <div class="lend stack">
      <PageTitle title="Lend this tab" />
      <p class="prose summary">
        This tab can make completions for a training on another machine. It gets the model and prompts from a
        server, and sends back what the model says. It reads none of your files.
      </p>
      {before !== undefined && (
        <Notice
          kind="info"
          title={`This tab was lent to ${visibleText(hostOf(before))} when it was loaded again`}
          fix={
            settings.value.credentials
              ? 'Press Start to go on.'
              : 'Press Start to go on; give the credentials again if it had some.'
          }
          testid="lent-before"
        />
      )}
      {isProposed && !problem && (
        <Notice
          kind="info"
          title={`A link asks you to lend this tab to ${visibleText(hostOf(route.server))}`}
          fix="Press Start only if you know whose server it is: it gets computing time of this device."
          testid="proposed"
        />
      )}
      <Panel>
        <div class="stack">
          <SetUp
            server={server}
            onServer={(value) => navigate({ page: 'lend', server: value }, { replace: true })}
            serverError={
              problem && (isChecked || server !== '') ? `${problem.problem}; ${problem.fix}` : undefined
            }
            settings={settings}
            disabled={!isIdle}
          />
          <div class="row buttons">
            <Button
              kind="primary"
              icon="play"
              testid="start"
              disabled={!isIdle || problem !== undefined}
              onClick={start}
            >
              Start
            </Button>
            <Button
              icon="close"
              testid="stop"
              disabled={isIdle || state.status === 'stopping'}
              busy={state.status === 'stopping'}
              onClick={() => void lending.stop()}
            >
              Stop
            </Button>
            <LendStatusBadge status={state.status} />
          </div>
        </div>
      </Panel>
      {server.trim() === lending.server.value && (
        <LendMessages state={state} server={server} onWasm={onWasm} />
      )}
      <LendFigures state={state} />
      <p class="prose quiet">
        Leave this tab in view, in a window of its own: browsers slow down or freeze hidden tabs to save
        energy. If it stops, nothing is lost: the server gives its work to others.
      </p>
    </div>
  );

  async function useWasm(): Promise<void> {
    settings.value = { ...settings.peek(), adapter: 'wasm' };
    await lending.stop();
    start();
  }
}

/** Name a browser for people. */
function browserName(userAgent: string): string {
  const known = [/(Firefox)\//, /(Edg)\w*\//, /(Chrom)\w*\//, /(Safari)\//];
  const [, found = 'Browser'] = known.map((pattern) => pattern.exec(userAgent)).find(Boolean) ?? [];
  return { Edg: 'Edge', Chrom: 'Chrome' }[found] ?? found;
}
