/** The guided steps: from a token to the KL, each with a figure that the bundled model computes. */
import { PageTitle } from '../shell/PageTitle.tsx';
import { formatRoute, type LearnRoute } from '../shell/routes.ts';
import { LinkButton } from '../ui/Button.tsx';
import { Panel } from '../ui/Panel.tsx';
import { LAB_LINKS } from './labLinks.ts';
import './learn.css';
import { LESSONS, type Lesson } from './lessons.tsx';

export function LearnPage({ route: { lesson: number } }: { readonly route: LearnRoute }) {
  const lesson = LESSONS[number - 1];
  if (!lesson) return null;
  return (
    <div class="learn">
      <nav aria-label="Steps of the guide">
        <ol class="lessons">
          {LESSONS.map(({ title }, i) => (
            <li key={title}>
              <a href={addressOf(i + 1)} aria-current={i + 1 === number ? 'step' : undefined}>
                <span class="place">{i + 1}</span> {title}
              </a>
            </li>
          ))}
        </ol>
      </nav>
      <LessonView key={number} lesson={lesson} number={number} />
    </div>
  );
}

function LessonView({ lesson, number }: { readonly lesson: Lesson; readonly number: number }) {
  const { title, text, task, Figure } = lesson;
  const lab = LAB_LINKS[number - 1];
  return (
    <article class="stack">
      <div class="page-head">
        <p class="quiet">
          Learn, step {number} of {LESSONS.length}
        </p>
        <PageTitle title={title} />
      </div>
      <p class="prose lesson-text">{text}</p>
      <Panel>
        <Figure />
      </Panel>
      <div class="try">
        <h2>Try it</h2>
        <p>{task}</p>
      </div>
      <div class="row">
        {number > 1 && (
          <LinkButton href={addressOf(number - 1)} icon="left">
            {LESSONS[number - 2]?.title}
          </LinkButton>
        )}
        {number < LESSONS.length && (
          <LinkButton href={addressOf(number + 1)} kind="primary" icon="right">
            Next: {LESSONS[number]?.title}
          </LinkButton>
        )}
        {lab && (
          <span class="push">
            <LinkButton
              href={formatRoute({ page: 'lab', settings: lab.settings })}
              kind={number < LESSONS.length ? 'plain' : 'primary'}
            >
              {lab.label}
            </LinkButton>
          </span>
        )}
      </div>
    </article>
  );
}

const addressOf = (lesson: number): string => formatRoute({ page: 'learn', lesson });
