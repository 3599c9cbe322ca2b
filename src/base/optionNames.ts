/**
 * Finds the option that somebody meant who gave a name that is none: the field's other names (TRL, verl, transformers,
 * PyTorch), other spellings, and typing errors.
 */
import { distance } from 'fastest-levenshtein';

/** A name that is no option, and what is near it. */
export interface OtherName {
  /** Names in other libraries, in snake_case. */
  readonly names: readonly string[];
  /** Our options for it, the likeliest first; the first that a command has is meant. */
  readonly ours: readonly string[];
  /** A difference to know before using ours. */
  readonly note: string | undefined;
}

/** Names of TRL 1.x (GRPOConfig), transformers (TrainingArguments, GenerationConfig), verl and PyTorch; ours; the note. */
const ROWS: readonly (readonly [names: string, ours: string, note?: string])[] = [
  ['learning_rate learningrate actor_lr optim_lr', 'lr'],
  ['min_learning_rate eta_min min_lr_ratio', 'minLr'],
  ['num_generations num_rollouts rollout_n n_samples_per_prompt', 'groupSize'],
  ['num_return_sequences n num_generations_eval', 'numSamples groupSize'],
  ['beta kl_loss_coef init_kl_coef kl_beta', 'klCoef'],
  ['kl_loss_type kl_penalty kl_type', 'klEstimator'],
  ['target_kl kl_ctrl_target', 'klTarget'],
  ['horizon kl_ctrl_horizon', 'klHorizon'],
  ['max_completion_length max_response_length response_length max_length', 'maxNewTokens'],
  ['max_tokens max_gen_length max_gen_tokens max_new', 'maxNewTokens'],
  [
    'per_device_train_batch_size train_batch_size batch bs generation_batch_size',
    'batchSize',
    'it counts problems, not completions',
  ],
  ['per_device_eval_batch_size eval_batch_size', '', 'evaluation batches are fixed'],
  ['max_steps total_training_steps num_steps iterations', 'steps'],
  ['num_train_epochs num_epochs total_epochs max_epochs', 'steps'],
  ['num_iterations ppo_epochs num_ppo_epochs mu', 'epochs'],
  [
    'steps_per_generation num_mini_batches ppo_mini_batch_size mini_batch_size',
    'miniBatches',
    'it counts mini-batches',
  ],
  [
    'gradient_accumulation_steps ppo_micro_batch_size_per_gpu micro_batch_size',
    'microBatchTokens',
    'it counts tokens',
  ],
  ['epsilon cliprange clip_range clip_ratio_low clip_eps', 'clipRatio'],
  ['epsilon_high clip_eps_high cliprange_high', 'clipRatioHigh'],
  ['delta clip_ratio_c', 'dualClip'],
  ['max_grad_norm grad_norm gradient_clip_val clip_grad', 'gradClip'],
  ['warmup_steps num_warmup_steps lr_warmup_steps warmup', 'warmupRatio', 'it is a share of the steps'],
  ['lr_warmup_steps_ratio', 'warmupRatio'],
  ['lr_scheduler_type lr_scheduler warmup_style schedule', 'scheduler'],
  ['output_dir default_local_dir logging_dir save_dir run_name', 'out'],
  ['loss_type loss_mode policy_loss loss_agg_mode', 'loss'],
  ['scale_rewards norm_adv_by_std_in_grpo adv_estimator', 'advantages'],
  ['reward_funcs reward_function rewards reward_fn', 'reward'],
  ['reward_weights', 'reward', 'a weight follows its reward: format:0.2'],
  ['reward_model reward_model_path', 'reward', 'it takes modules'],
  ['logging_steps logging_strategy log_freq log_every', '', 'every step is logged'],
  ['save_steps save_freq save_every save_strategy', 'saveInterval'],
  ['save_total_limit max_actor_ckpt_to_keep', 'keepLast'],
  ['eval_steps eval_every test_freq eval_strategy evaluation_strategy', 'evalInterval stepEval'],
  ['log_completions num_completions_to_print log_val_generations', 'traceGroups'],
  ['max_eval_samples num_eval_samples eval_samples limit', 'evalSize'],
  ['eval_dataset eval_file test_file val_files', 'evalSet'],
  ['model_name_or_path model model_path pretrained ckpt load', 'checkpoint modelsize'],
  ['resume_from_checkpoint resume', '', 'a run is resumed by the command train resume'],
  ['dataset_name dataset train_files env environment', 'task'],
  ['report_to logger use_tensorboard', 'tensorboard'],
  ['mask_truncated_completions overlong_filtering', 'maskTruncated'],
  ['overlong_buffer_len soft_overlong_length', 'overlongBuffer'],
  ['overlong_penalty_factor', 'overlongPenalty'],
  ['ref_model_sync_steps sync_ref_model ref_model_mixup_alpha', 'refSyncSteps'],
  ['max_staleness async_level max_async_level off_policy_steps staleness_threshold', 'staleness'],
  ['max_head_offpolicyness one_step_off async_steps', 'staleness'],
  ['vllm_importance_sampling_cap tis_imp_ratio_cap rollout_is_threshold', 'importanceSamplingCap'],
  ['behav_imp_weight_cap importance_sampling_clip tis_cap', 'importanceSamplingCap'],
  ['entropy_coeff ent_coef entropy_coefficient entropy_bonus', 'entropyCoef'],
  ['filter_groups filter_zero_std_groups filter_overlong_prompts', 'dynamicSampling'],
  ['aux_loss_coef router_aux_loss_coef moe_aux_loss_coef', 'loadBalanceCoef'],
  ['num_local_experts n_experts', 'numExperts'],
  ['num_experts_per_tok moe_top_k experts_per_token', 'activeExperts'],
  ['train_samples dataset_size num_train_samples max_train_samples', 'numExamples'],
  ['wd l2', 'weightDecay'],
  ['dropout_p disable_dropout dropout_rate', 'dropout'],
  ['bf16 fp16 tf32 mixed_precision precision', 'matmulPrecision'],
  ['device use_cpu no_cuda cuda', 'adapter'],
  ['do_sample', 'greedy'],
  ['random_seed data_seed manual_seed', 'seed'],
  ['temp', 'temperature'],
  ['num_processes num_workers dataloader_num_workers', 'threads'],
  ['max_prompt_length', '', 'prompts are never cut'],
  ['disable_tqdm silent', 'quiet'],
  ['verbose', 'debug'],
  // Of the engine's functions: PyTorch and NumPy.
  ['dim dims', 'axis axes'],
  ['axis', 'axes', 'it is a list: [0]'],
  ['axes', 'axis', 'it is one number'],
  ['keepdim keepdims keep_dim', 'keepDims'],
  ['is_causal', 'causal'],
  ['attn_mask attention_mask', 'mask'],
  ['alibi slopes', 'alibiSlopes'],
  ['unbiased ddof', 'correction', 'the variance divides by n − correction'],
  ['betas', 'beta1 beta2'],
  ['argnums', 'inputs'],
  ['clip_norm max_norm', 'gradClip'],
  ['size', 'shape'],
  ['type', 'dtype'],
  ['power_preference backend', 'adapter'],
];

/** The rows by their parts. */
export const OTHER_NAMES: readonly OtherName[] = ROWS.map(([names, ours, note]) => ({
  names: names.split(' '),
  ours: ours === '' ? [] : ours.split(' '),
  note,
}));

const BY_NAME = new Map(OTHER_NAMES.flatMap((row) => row.names.map((name) => [name, row] as const)));

/** Mistyped letters of a name that is still understood. */
const MAX_DISTANCE = 3;
/** Share of a name that has to be right. */
const MIN_SIMILARITY = 0.6;

/**
 * Says what was probably meant by a name that is none of the known ones: `did you mean --lr?`. Undefined if nothing
 * comes near.
 * @param name as it was given: `--learning-rate`, `learning_rate` or `learningRate`.
 * @param known our options, in camelCase.
 * @param spelt how ours are written where the name was given.
 */
export function meant(
  name: string,
  known: readonly string[],
  spelt: (key: string) => string,
): string | undefined {
  const camel = inCamelCase(name);
  if (known.includes(camel)) return `write ${spelt(camel)}`;
  const other = BY_NAME.get(inSnakeCase(camel));
  const ours = other?.ours.find((key) => known.includes(key));
  if (ours !== undefined) return `did you mean ${spelt(ours)}?${other?.note ? ` (${other.note})` : ''}`;
  if (other?.note !== undefined && other.ours.length === 0) return `leave it out: ${other.note}`;
  const near = nearest(camel, known).map(spelt);
  return near.length === 0 ? undefined : `did you mean ${near.join(' or ')}?`;
}

/** The known names with the fewest letters to change, if those are few. */
function nearest(name: string, known: readonly string[]): string[] {
  const scored = known.map((key) => ({ key, letters: distance(name.toLowerCase(), key.toLowerCase()) }));
  const close = scored.filter(({ key, letters }) => {
    const length = Math.max(name.length, key.length);
    return letters <= MAX_DISTANCE && (length - letters) / length >= MIN_SIMILARITY;
  });
  const least = Math.min(...close.map(({ letters }) => letters));
  return close.filter(({ letters }) => letters === least).map(({ key }) => key);
}

/** `--batch-size`, `batch_size` and `batchSize` are `batchSize`. */
export function inCamelCase(name: string): string {
  return name.replace(/^-+/, '').replace(/[_-]+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());
}

function inSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
