/** Start, pause, step and reset, with the figures that tell how the training goes. */
import type { Signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { StateBadge } from '../ui/Badge.tsx';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { formatNumber, formatPercent, formatPercentInterval } from '../ui/format.ts';
import { Stat, Stats } from '../ui/Stat.tsx';
import { lab } from './labRun.ts';
import { draftProblems } from './optionValues.ts';
import type { Settings } from './settings.ts';

/** Seconds of training that are not thrown away without a question. */
const LONG = 20;

export interface ControlsProps {
  readonly settings: Settings;
  readonly drafts: Signal<Readonly<Record<string, string>>>;
}

export function Controls({ settings, drafts }: ControlsProps) {
  const [isAsking, setAsking] = useState(false);
  const status = lab.status.value;
  const isTraining = status === 'training';
  const isBad = lab.isIdle.value && draftProblems(settings, drafts.value).size > 0;
  const needsFile = settings.preset.start.from === 'file' && lab.isIdle.value && !lab.ownFile.value;
  const cannotStart = isTraining || status === 'finished' || isBad || needsFile;
  const reset = (): void => {
    if (lab.seconds > LONG || lab.isReopened.value) setAsking(true);
    else void lab.reset(false);
  };
  return (
    <section class="controls" aria-label="Training">
      <div class="row buttons">
        <Button
          kind="primary"
          icon="play"
          testid="start"
          disabled={cannotStart}
          onClick={() => void lab.start(settings, null)}
        >
          {status === 'paused' || (status === 'failed' && !lab.isIdle.value) ? 'Resume' : 'Start'}
        </Button>
        <Button
          icon="pause"
          testid="pause"
          disabled={!isTraining || lab.isPausing.value}
          busy={lab.isPausing.value}
          onClick={() => lab.pause()}
        >
          Pause
        </Button>
        <Button
          icon="step"
          testid="one-step"
          disabled={cannotStart}
          onClick={() => void lab.start(settings, 1)}
        >
          Step
        </Button>
        <Button icon="reset" kind="quiet" testid="reset" disabled={status === 'idle'} onClick={reset}>
          Reset
        </Button>
        <StateBadge state={status} testid="status" />
        <Doing />
      </div>
      <Figures />
      <Progress />
      {isAsking && <ResetDialog onClose={() => setAsking(false)} />}
    </section>
  );
}

/** Says the work that takes its time now. */
function Doing() {
  const evaluating = lab.evaluating.value;
  const status = lab.status.value;
  const isOpening = status === 'training' && !lab.adapter.value;
  const text = lab.isPausing.value
    ? 'finishing the step'
    : isOpening
      ? 'opening the device'
      : evaluating
        ? `answering ${evaluating.done} of ${evaluating.total} held-out problems`
        : status === 'training' && lab.phase.value === 'pretrain'
          ? 'imitating worked examples'
          : '';
  return <span class="quiet doing">{text}</span>;
}

function Figures() {
  const { reward, loss, num_tokens: tokens, tokens: seen, step_time: seconds } = lab.row.value;
  const accuracy = lab.accuracy.value;
  const baseline = lab.baseline.value;
  const steps = lab.steps.value;
  const isPretraining = lab.phase.value === 'pretrain';
  const pace = rate(tokens ?? seen, seconds);
  return (
    <Stats>
      <Stat
        label="Step"
        value={String(lab.step.value)}
        note={steps ? `of ${steps}` : undefined}
        testid="step"
      />
      {isPretraining ? (
        <Stat
          label="Loss"
          value={typeof loss === 'number' ? formatNumber(loss) : null}
          note="nats per token"
        />
      ) : (
        <Stat
          label="Mean reward"
          value={typeof reward === 'number' ? formatNumber(reward) : null}
          note="right completions, on training problems"
          testid="reward"
        />
      )}
      <Stat
        label="Accuracy"
        value={accuracy ? formatPercent(accuracy.accuracy) : null}
        note={
          accuracy
            ? `${formatPercentInterval(accuracy.low, accuracy.high)}, ${accuracy.total} problems`
            : 'on problems that are not trained on'
        }
        testid="accuracy"
      />
      <Stat
        label="At the start"
        value={baseline ? formatPercent(baseline.accuracy) : null}
        note="accuracy before training"
      />
      <Stat
        label="Speed"
        value={pace}
        unit="tokens/s"
        note={
          lab.adapter.value?.kind === 'wasm' ? 'on WebAssembly' : lab.adapter.value ? 'on WebGPU' : undefined
        }
      />
    </Stats>
  );
}

function rate(tokens: unknown, seconds: unknown): string | null {
  if (typeof tokens !== 'number' || typeof seconds !== 'number' || seconds <= 0) return null;
  return Math.round(tokens / seconds).toLocaleString('en');
}

function Progress() {
  const steps = lab.steps.value;
  if (!steps) return <progress class="progress" max={1} value={0} aria-label="Steps done" />;
  return <progress class="progress" max={steps} value={lab.step.value} aria-label="Steps done" />;
}

function ResetDialog({ onClose }: { readonly onClose: () => void }) {
  const end = (keep: boolean): void => {
    void lab.reset(keep);
    onClose();
  };
  return (
    <Dialog
      title="End this run?"
      onClose={onClose}
      actions={
        <>
          <Button kind="danger" testid="delete-run" onClick={() => end(false)}>
            Delete it
          </Button>
          <Button kind="primary" testid="keep-run" onClick={() => end(true)}>
            Keep it in Runs
          </Button>
        </>
      }
    >
      <p>
        It is at step {lab.step.value}
        {lab.isReopened.value ? '' : `, after ${Math.round(lab.seconds)} seconds of training`}. A run that is
        kept can be looked at, compared and downloaded.
      </p>
    </Dialog>
  );
}
