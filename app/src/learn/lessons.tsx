/** The guide: six steps from a token to the KL. */
import type { ComponentChildren, ComponentType } from 'preact';
import { ClipFigure } from './figures/ClipFigure.tsx';
import { GroupFigure } from './figures/GroupFigure.tsx';
import { HeadFigure } from './figures/HeadFigure.tsx';
import { KlFigure } from './figures/KlFigure.tsx';
import { SampleFigure } from './figures/SampleFigure.tsx';
import { TokenFigure } from './figures/TokenFigure.tsx';

export interface Lesson {
  readonly title: string;
  readonly text: ComponentChildren;
  /** One thing to try in the figure. */
  readonly task: ComponentChildren;
  readonly Figure: ComponentType;
}

export const LESSONS: readonly Lesson[] = [
  {
    title: 'A token',
    text: (
      <>
        A language model reads and writes tokens, one after another. In this one each character is a token,
        and a few special ones mark the parts of a problem. After the last token the model gives every token a
        probability of coming next; that is all it ever computes.
      </>
    ),
    task: (
      <>
        Here the model is in doubt. Choose the likeliest token until <code>&lt;eos&gt;</code>: you decode its
        answer by hand. Take it back, choose another one, and see where it leads.
      </>
    ),
    Figure: TokenFigure,
  },
  {
    title: 'A head',
    text: (
      <>
        To predict a token the model has to look back. Each attention head spreads a weight of 100 % over the
        tokens so far: a row of the square is a token, and its cells are the tokens that it looks at. This
        model has two layers with two heads each, and nobody told them where to look.
      </>
    ),
    task: (
      <>
        Find a head in which the token behind <code>=</code> looks at a digit of the sum. Then change the sum:
        does the pattern follow the digits?
      </>
    ),
    Figure: HeadFigure,
  },
  {
    title: 'A sample',
    text: (
      <>
        A completion is drawn token by token: each one at random, by its probability. The temperature divides
        the logits before that: below 1 the likely tokens gain, above 1 the unlikely ones do. Reinforcement
        learning needs samples that differ, for it can only learn from what the model happens to try.
      </>
    ),
    task: (
      <>
        Set the temperature to 0.1, and sample again a few times. Then try 2. At which value do right and
        wrong answers mix?
      </>
    ),
    Figure: SampleFigure,
  },
  {
    title: 'A group and its advantages',
    text: (
      <>
        GRPO samples a group of completions for each problem and rewards them: here 1 for a right answer, 0
        for a wrong one. The advantage of a completion is its reward less the mean of its group, divided by
        the standard deviation. No second model has to guess what a reward is worth: the group is the
        yardstick.
      </>
    ),
    task: (
      <>
        Turn rewards on and off. When is an advantage large? What happens if all are right, or all are wrong?
        Such a group teaches nothing.
      </>
    ),
    Figure: GroupFigure,
  },
  {
    title: 'The clip',
    text: (
      <>
        A step pushes the tokens of better completions up and those of worse ones down. The ratio tells how
        far a token has moved since it was sampled. Beyond 1 ± ε the objective is flat in the direction of the
        advantage, so that one group cannot carry the policy away.
      </>
    ),
    task: (
      <>
        Move the steps from 0 to 8: the tokens leave the ratio 1. Then make ε small. How many are clipped now?
      </>
    ),
    Figure: ClipFigure,
  },
  {
    title: 'The KL',
    text: (
      <>
        The KL divergence measures how far the policy has moved from the model that it began as: 0 if both
        give the same probabilities, and more the more they differ. Added to the loss with a weight, it holds
        the policy back, which matters when a reward can be gamed.
      </>
    ),
    task: (
      <>
        Choose a dark token, and compare the bars. Then raise the weight of the KL to 2: what becomes of the
        distance?
      </>
    ),
    Figure: KlFigure,
  },
];
