/** The presets, each a link, and the summary of the one that is chosen. */
import { formatRoute } from '../shell/routes.ts';
import { PRESETS, type Preset } from './presets.ts';

export function Presets({ current }: { readonly current: Preset }) {
  return (
    <div class="presets">
      <nav aria-label="Presets">
        <ul>
          {PRESETS.map(({ id, title }) => (
            <li key={id}>
              <a
                href={formatRoute({ page: 'lab', settings: { preset: id } })}
                aria-current={id === current.id ? 'true' : undefined}
              >
                {title}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <p class="summary">{current.summary}</p>
    </div>
  );
}
