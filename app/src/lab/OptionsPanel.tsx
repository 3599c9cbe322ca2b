/** Every option by name, with its help, default and range. */
import type { Signal } from '@preact/signals';
import { Button } from '../ui/Button.tsx';
import { Details } from '../ui/Details.tsx';
import { SelectField, SwitchField, TextField } from '../ui/fields.tsx';
import { Panel } from '../ui/Panel.tsx';
import { lab } from './labRun.ts';
import { adviceOn, type Drafts, isBasic, rangeText } from './optionValues.ts';
import { ADAPTER_CHOICES, type AdapterChoice } from './protocol.ts';
import {
  type Field,
  fieldsOf,
  type Settings,
  TASKS,
  textFrom,
  valueFrom,
  valueIn,
  withValue,
} from './settings.ts';

export interface OptionsPanelProps {
  readonly settings: Settings;
  readonly drafts: Signal<Drafts>;
  readonly onChange: (settings: Settings) => void;
}

const TITLES = { pretrain: 'Imitation (pretrain)', grpo: 'GRPO (grpo)' } as const;

const ADAPTERS: Readonly<Record<AdapterChoice, string>> = {
  auto: 'auto: WebGPU, else wasm',
  webgpu: 'webgpu',
  wasm: 'wasm: WebAssembly',
};

export function OptionsPanel({ settings, drafts, onChange }: OptionsPanelProps) {
  const fields = fieldsOf(settings);
  const sections = [...new Set(fields.map(({ section }) => section))];
  const isLocked = !lab.isIdle.value;
  const changes = Object.keys(settings.changed).length;
  return (
    <Panel
      title="Options"
      note={
        isLocked
          ? 'Reset the run to change them.'
          : 'Named as on the command line. The address holds what you change: copy it to share.'
      }
      actions={
        changes > 0 &&
        !isLocked && (
          <Button small kind="quiet" icon="reset" onClick={() => onChange({ ...settings, changed: {} })}>
            {`Undo ${changes} ${changes === 1 ? 'change' : 'changes'}`}
          </Button>
        )
      }
    >
      <div class="options">
        <SelectField
          label={<code>adapter</code>}
          help="Where the kernels run. wasm has the same bits on every machine."
          value={settings.adapter}
          choices={ADAPTER_CHOICES.map((value) => ({ value, label: ADAPTERS[value] }))}
          disabled={isLocked}
          testid="adapter"
          onInput={(adapter) => onChange({ ...settings, adapter })}
        />
        {settings.preset.start.from === 'file' && (
          <SelectField
            label={<code>task</code>}
            help="The task that the checkpoint was trained on."
            value={TASKS.find((task) => task === settings.task) ?? 'arithmetic'}
            choices={TASKS.map((value) => ({ value, label: value }))}
            disabled={isLocked}
            onInput={(task) => onChange({ ...settings, task, changed: {} })}
          />
        )}
      </div>
      {sections.map((section) => {
        const own = fields.filter((field) => field.section === section);
        const show = (shown: readonly Field[]) => (
          <div class="options">
            {shown.map((field) => (
              <OptionField key={field.name} {...{ field, settings, drafts, onChange }} disabled={isLocked} />
            ))}
          </div>
        );
        const others = own.filter((field) => !isBasic(field));
        return (
          <section key={section ?? ''} class="section">
            {section && <h3>{TITLES[section]}</h3>}
            {show(own.filter(isBasic))}
            {others.length > 0 && <Details summary={`${others.length} more options`}>{show(others)}</Details>}
          </section>
        );
      })}
    </Panel>
  );
}

interface OptionFieldProps extends OptionsPanelProps {
  readonly field: Field;
  readonly disabled: boolean;
}

function OptionField({ field, settings, drafts, onChange, disabled }: OptionFieldProps) {
  const { name, option } = field;
  const value = valueIn(settings, field);
  const set = (next: unknown): void => onChange(withValue(settings, field, next));
  const help = `${sentence(option.help)} ${rangeText(field)}`;
  const shared = {
    label: (
      <code class={Object.hasOwn(settings.changed, name) ? 'changed' : undefined}>
        {option.flag.slice(2)}
      </code>
    ),
    help,
    disabled,
    testid: `option-${name}`,
  };
  if (option.type === 'switch') return <SwitchField {...shared} value={value === true} onInput={set} />;
  if (option.type === 'choice') {
    const choices = option.choices.map((choice) => ({ value: choice, label: choice }));
    return <SelectField {...shared} value={textFrom(value)} choices={choices} onInput={set} />;
  }
  const draft = drafts.value[name];
  return (
    <TextField
      {...shared}
      value={draft ?? textFrom(value)}
      placeholder={option.default === undefined ? 'depends on others' : undefined}
      error={draft === undefined ? undefined : adviceOn(field, draft)}
      onInput={(text) => {
        drafts.value = { ...drafts.value, [name]: text };
        if (adviceOn(field, text) === undefined) set(valueFrom(text, option));
      }}
    />
  );
}

/** Begin a help text as a sentence. */
const sentence = (help: string): string => (help === '' ? '' : `${help[0]?.toUpperCase()}${help.slice(1)}.`);
