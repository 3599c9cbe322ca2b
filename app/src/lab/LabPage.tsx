/** The Lab: trains in this tab. */
import { signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { navigate } from '../shell/navigation.ts';
import { PageTitle } from '../shell/PageTitle.tsx';
import { formatRoute, type LabRoute, runRoute } from '../shell/routes.ts';
import { LinkButton } from '../ui/Button.tsx';
import { Notice } from '../ui/Notice.tsx';
import { Answers } from './Answers.tsx';
import { Completions } from './Completions.tsx';
import { Controls } from './Controls.tsx';
import { Curves } from './Curves.tsx';
import { Keep } from './Keep.tsx';
import { lab } from './labRun.ts';
import './lab.css';
import { AdapterNote, Messages } from './Messages.tsx';
import { OptionsPanel } from './OptionsPanel.tsx';
import { Presets } from './Presets.tsx';
import { addressOf, parametersIn, parametersOf, type Settings, settingsFrom } from './settings.ts';

/** Texts in fields that are no values yet, by field. */
const drafts = signal<Readonly<Record<string, string>>>({});

export function LabPage({ route }: { readonly route: LabRoute }) {
  const { settings, problems } = useMemo(() => settingsFrom(route.settings), [route]);
  const { preset } = settings;
  useEffect(() => {
    if (lab.isIdle.peek()) lab.question.value = preset.question;
    void lab.restore(settings, Object.keys(route.settings).length === 0);
    drafts.value = {};
  }, [preset]);
  const own = lab.address.value;
  useEffect(() => {
    // The plain address of the Lab leads to the run at hand, with its settings.
    if (own === undefined || Object.keys(route.settings).length > 0) return;
    navigate({ page: 'lab', settings: parametersIn(own) }, { replace: true });
  }, [own, route]);
  const change = (next: Settings): void =>
    navigate({ page: 'lab', settings: parametersOf(next) }, { replace: true });
  return (
    <div class="lab stack">
      <PageTitle title="Lab" />
      <Presets current={preset} />
      {problems.map((problem) => (
        <Notice
          key={problem}
          kind="warning"
          title={`The link has an option that cannot be: ${problem}`}
          fix="The preset’s value is taken."
        />
      ))}
      <Controls settings={settings} drafts={drafts} />
      <OtherSettings settings={settings} />
      <Messages />
      <div class="columns">
        <Answers settings={settings} />
        <Curves />
      </div>
      <AdapterNote />
      <Completions />
      <OptionsPanel settings={settings} drafts={drafts} onChange={change} />
      <Keep settings={settings} />
      <p class="quiet">
        This tab can also work for a training on another machine:{' '}
        <a href={formatRoute({ page: 'lend', server: '' })}>lend this tab</a>.
      </p>
    </div>
  );
}

/** Says that the settings on the page are not those of the run. */
function OtherSettings({ settings }: { readonly settings: Settings }) {
  const own = lab.address.value;
  if (lab.isIdle.value || lab.id.value === undefined || own === addressOf(settings)) return null;
  const fix = 'Reset the run to begin one with them.';
  if (own === undefined) {
    const options = runRoute({ source: 'tab', id: lab.id.value }, 'config');
    return (
      <Notice
        kind="info"
        title="This run was opened from files: the options below are not its own"
        fix={fix}
        actions={<LinkButton href={formatRoute(options)}>Its options</LinkButton>}
      />
    );
  }
  return (
    <Notice
      kind="info"
      title="The run here was begun with other settings than those below"
      fix={fix}
      actions={
        <LinkButton href={formatRoute({ page: 'lab', settings: parametersIn(own) })}>Its settings</LinkButton>
      }
    />
  );
}
