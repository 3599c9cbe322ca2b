/** The rewards of a group on a line: a mark for each reward, as large as the number of completions that got it. */
import { formatNumber } from '../../ui/format.ts';
import { type GroupRow, rewardCounts } from './groupRows.ts';

const WIDTH = 168;
const HEIGHT = 28;
/** Room at the ends for half of the largest mark. */
const MARGIN = 12;
const LARGEST = 10;

export interface RewardStripProps {
  readonly row: GroupRow;
  /** The rewards at both ends. */
  readonly range: readonly [low: number, high: number];
}

export function RewardStrip({ row, range: [low, high] }: RewardStripProps) {
  const x = (reward: number): number => MARGIN + ((WIDTH - 2 * MARGIN) * (reward - low)) / (high - low);
  const counts = rewardCounts(row);
  const label = counts.map(({ reward, count }) => `${count} × ${formatNumber(reward)}`).join(', ');
  return (
    <svg
      class={`reward-strip ${row.state}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`Rewards: ${label}`}
    >
      <line class="axis" x1={MARGIN} x2={WIDTH - MARGIN} y1={HEIGHT / 2} y2={HEIGHT / 2} />
      {row.state === 'teaches' && (
        <line class="mean" x1={x(row.mean)} x2={x(row.mean)} y1={3} y2={HEIGHT - 3} />
      )}
      {counts.map(({ reward, count }) => {
        const radius = Math.max(2.5, LARGEST * Math.sqrt(count / row.rewards.length));
        const place = { 'data-sign': row.state === 'teaches' ? Math.sign(reward - row.mean) : 0 };
        // A group that teaches nothing has a square, not a disc.
        return row.state === 'teaches' ? (
          <circle key={reward} {...place} cx={x(reward)} cy={HEIGHT / 2} r={radius} />
        ) : (
          <rect
            key={reward}
            {...place}
            x={x(reward) - radius * 0.9}
            y={HEIGHT / 2 - radius * 0.9}
            width={radius * 1.8}
            height={radius * 1.8}
          />
        );
      })}
    </svg>
  );
}
