"""Names of settings in Stable-Baselines3 and its zoo, CleanRL, RLlib, Tianshou and others, and ours for them.

An error message answers a name that a user brings from there with ours, for example ``--lr`` with
``--optimiser.learning-rate``. None of them is accepted: their units may be others.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

_OURS: Mapping[str, str] = {
    "env_steps": "total_timesteps n_timesteps timesteps total_steps total_env_steps max_timesteps num_timesteps "
    "total_frames num_frames training_steps stop_timesteps max_steps steps num_env_steps timesteps_total n",
    "env.game": "env env_id env_name gym_id gym_env environment task task_name game rom game_name env_key",
    "env.num_envs": "n_envs nenvs num_env n_env training_num train_num num_train_envs num_envs_per_worker "
    "num_envs_per_env_runner vec_envs parallel_envs",
    "env.num_workers": "num_rollout_workers num_env_runners n_workers workers",
    "env.stack": "frame_stack frames_stack n_stack num_stack framestack history_length num_frame_stack",
    "env.frameskip": "frame_skip action_repeat skip_frames",
    "env.kwargs": "env_kwargs env_config env_args",
    "env.sticky": "repeat_action_probability sticky_actions",
    "env.max_episode_steps": "max_episode_length horizon time_limit episode_length max_ep_len",
    "agent.name": "agent algo algorithm run algo_name alg",
    "agent.gamma": "discount discount_factor gamma_discount",
    "agent.n_step": "n_steps nstep n_step_return n_step_returns multi_step",
    "agent.double": "double_q double_dqn use_double is_double ddqn",
    "agent.target_tau": "tau polyak polyak_tau soft_update_tau",
    "agent.target_period": "target_network_frequency target_update_interval target_network_update_freq "
    "target_update_freq target_update target_freq target_update_frequency hard_update_freq",
    "agent.quantiles": "num_quantiles n_quantiles num_atoms n_atoms",
    "agent.return_lambda": "gae_lambda q_lambda lam",
    "agent.rollout_steps": "num_steps rollout_fragment_length rollout_length step_per_collect unroll_length",
    "agent.epochs": "n_epochs update_epochs num_epochs num_sgd_iter repeat_per_collect",
    "agent.reward_clip": "clip_rewards clip_reward rew_clip",
    "optimiser.learning_rate": "lr learning_rate alpha_lr step_size adam_lr lr_rate",
    "optimiser.schedule": "lr_schedule anneal_lr lr_decay linear_lr_schedule",
    "optimiser.epsilon": "adam_epsilon adam_eps optimizer_epsilon",
    "optimiser.name": "optimizer optim optimizer_class optimiser",
    "optimiser.max_grad_norm": "grad_clip grad_clipping clip_grad gradient_clipping max_gradient_norm grad_norm_clip",
    "agent.batch_size|replay.batch_size": "batch_size minibatch_size sgd_minibatch_size train_batch_size bs "
    "train_batch_size_per_learner batch",
    "replay.capacity": "buffer_size replay_buffer_size memory_size replay_size buffer_capacity replay_capacity "
    "replay_memory_size buffer",
    "replay.learning_starts": "learn_start warmup_steps start_steps start_timesteps min_replay_size train_start "
    "learning_start num_steps_sampled_before_learning_starts initial_exploration",
    "replay.samples_per_env_step": "train_freq train_frequency gradient_steps update_per_step training_intensity "
    "utd utd_ratio update_frequency replay_ratio",
    "replay.prioritised": "prioritized_replay prioritized per prio use_per prioritized_replay_buffer",
    "replay.alpha": "prioritized_replay_alpha per_alpha",
    "replay.beta": "prioritized_replay_beta per_beta",
    "exploration.start": "start_e initial_epsilon epsilon_start eps_start exploration_initial_eps eps_train "
    "epsilon_initial eps epsilon",
    "exploration.end": "end_e final_epsilon epsilon_end eps_end exploration_final_eps eps_train_final min_epsilon",
    "exploration.decay_env_steps": "exploration_fraction epsilon_timesteps epsilon_decay eps_decay "
    "epsilon_decay_steps annealing_steps",
    "network.encoder": "policy net network model cnn feature_extractor features_extractor_class",
    "network.kwargs": "policy_kwargs features_extractor_kwargs model_config net_arch",
    "network.hidden": "hidden_size hidden_sizes fcnet_hiddens hidden_dim",
    "network.dueling": "use_dueling dueling_dqn",
    "network.noisy": "noisy_net noisynet noisy_nets",
    "network.init": "trained_agent resume_path load_path pretrained load_model init_from",
    "evaluate_every": "eval_freq eval_frequency eval_interval evaluation_interval test_freq eval_every",
    "evaluation.games|games": "n_eval_episodes eval_episodes num_eval_episodes evaluation_duration test_num episodes "
    "n_episodes num_episodes episode_per_test",
    "evaluation.epsilon|epsilon": "eps_test eval_epsilon",
    "evaluation.target_score": "stop_reward reward_threshold target_reward stop_score",
    "checkpoint_every": "save_freq save_frequency checkpoint_freq checkpoint_frequency save_interval save_every",
    "tracking.console=false": "quiet silent",
    "tracking.console": "verbose verbosity progress_bar",
    "tracking.log_every": "log_interval log_freq log_frequency",
    "tracking.project": "wandb_project_name wandb_project project_name",
    "tracking.entity": "wandb_entity",
    "tracking.name": "exp_name run_name experiment_name wandb_name",
    "tracking.group": "wandb_group",
    "tracking.tags": "wandb_tags",
    "wandb=online": "track use_wandb with_wandb",
    "tracking.tensorboard=true": "tensorboard_log tb_log_dir tensorboard use_tensorboard",
    "tracking.video_every": "capture_video record_video save_video video_freq",
    "out": "log_folder logdir log_dir output_dir save_path save_dir logs_dir storage_path results_dir folder f",
    "device=cuda": "cuda gpu use_cuda num_gpus use_gpu",
    "threads": "num_threads n_threads torch_threads",
    "deterministic": "torch_deterministic cudnn_deterministic",
    "seed": "random_seed rng_seed np_seed env_seed seeds s",
    "greedy": "deterministic",
    "video": "video_path record mp4",
}
"""Our name, or several where each command or agent has its own; and the names elsewhere. ``=`` gives a value, too."""
_UNITS: Mapping[str, str] = {
    "train_freq": "the batch size divided by train_freq",
    "train_frequency": "the batch size divided by train_frequency",
    "gradient_steps": "gradient steps times the batch size, per env step",
    "update_per_step": "the batch size times update_per_step",
    "replay_ratio": "the batch size times the updates per env step",
    "exploration_fraction": "exploration_fraction times env_steps",
    "target_network_frequency": "in updates, not in env steps",
    "target_update_interval": "in updates, not in env steps",
    "target_network_update_freq": "in updates, not in env steps",
    "total_frames": "a quarter of the frames where the frameskip is 4",
    "num_frames": "a quarter of the frames where the frameskip is 4",
    "capture_video": "in evaluations",
    "env_config": "as YAML",
    "verbose": "true or false",
    "verbosity": "true or false",
    "progress_bar": "true or false",
}
"""How the value is converted, where the unit is another."""
_THEIRS = {theirs: ours.split("|") for ours, names in _OURS.items() for theirs in names.split()}


class Translation(NamedTuple):
    """Our name for one of another library, spelled as the names that are known."""

    name: str
    value: str | None  # in place of the one given
    unit: str | None


def translate(name: str, known: Iterable[str]) -> Translation | None:
    """Return our name for one of another library, or for one without its group; None if none of these is known.

    Args:
        name: with hyphens or underscores, perhaps after dashes.
        known: names in the same spelling, dotted or as options.
    """
    spelled = {_plain(each): each for each in known}
    theirs = _plain(name)
    last = theirs.rpartition(".")[2]
    inside = [each for each in spelled if each.startswith(f"{theirs}.")][:1]  # --env and --agent are groups here
    same = [each for each in spelled if each.rpartition(".")[2] == last]
    for ours, _, value in (each.partition("=") for each in [*_THEIRS.get(last, ()), *inside, *same]):
        if ours in spelled and ours != theirs:
            return Translation(spelled[ours], value or None, _UNITS.get(last))
    return None


def advise(given: Mapping[str, str | None], known: Collection[str]) -> str | None:
    """Return what to write in place of the options of other libraries; None if no option is one.

    Args:
        given: the unknown options with their values.
        known: the options that exist.
    """
    found = {name: translate(name, known) for name in given}
    if not any(found[name] and _plain(name) in _THEIRS for name in given):
        return None
    return f"write {', '.join(_advice(name, given[name], ours) for name, ours in found.items() if ours)}"


def _advice(name: str, given: str | None, translation: Translation) -> str:
    value = translation.value or (None if translation.unit else given)
    unit = f" ({translation.unit})" if translation.unit else ""
    return f"{translation.name}={'N' if value is None else value}{unit} for {name}"


def _plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_").lower()
