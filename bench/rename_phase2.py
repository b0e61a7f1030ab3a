"""Scripted renames of phase 2 (names in the code). Run in the root of a checkout of the phase 1 layout, with libcst:
    python bench/rename_phase2.py [--dry]
Renames by scope (imports, locals and attributes are told apart); reports clashes. Running it twice does no harm."""
import re, subprocess, sys
from pathlib import Path
import libcst as cst
from libcst.metadata import MetadataWrapper, QualifiedNameProvider, QualifiedNameSource, ParentNodeProvider, ScopeProvider, PositionProvider

D = "diffviz."
SYM = {}
def sym(mod, text):
    for pair in text.split():
        o, n = pair.split(">")
        SYM[f"{D}{mod}.{o}"] = n
sym("diffusion.samplers", "times>timesteps questions>eval_times calls>nfe draw>randn_per_seed seeded>make_generators last>final_step _ask>_time_batch _along>_ode_step _straight_on>_extrapolate_x0 _corrected>_unipc_correct _levels>_alphas_sigmas _times_linspace>_linspace_timesteps _times_log_snr>_log_snr_timesteps _times_karras>_karras_timesteps")
sym("diffusion.process", "per_image>append_dims Level>Coefficient")
sym("diffusion.guidance", "in_one_batch>batched_cfg within>limited_interval FAINTEST>MIN_ALPHA classifier>classifier_guidance classifier_free>classifier_free_guidance")
sym("models.text_encoder", "words_of>tokenize _GLUE>STOP_WORDS NO_CAPTION>NULL_TOKEN")
sym("models.classifier", "Judge>LabelClassifier")
sym("models.unet", "level_embedding>noise_level_embedding")
sym("pipelines.text_to_image", "asked>build_denoiser walk>sample run_steps>sample_steps finals>sample_images recorded>sample_trajectory ALWAYS>FULL_INTERVAL")
sym("pipelines.editing", "Redrawing>Img2ImgSettings Filling>InpaintSettings bury>sdedit_init fill>repaint seam>boundary_jump times_from>img2img_timesteps redraw_steps>img2img_steps fill_steps>inpaint_steps ROUNDS>RESAMPLING_STEPS MOST_ROUNDS>MAX_RESAMPLING_STEPS _square>_center_square _recorded>_record _picture>_decode_image")
sym("analysis.guidance_analysis", "BothAnswers>CondUncond both_answers>cond_uncond by_judge>sample_with_classifier certainty>class_probability likeness>feature_similarity one_word_less>leave_one_word_out attention>cross_attention_maps by_thirds>interval_variants")
sym("analysis.frame_captions", "Settled>Convergence settled>convergence split>split_layout_detail reverse>reverse_captions redrawn>img2img_captions filled>inpaint_captions forward>forward_captions")
sym("analysis.prediction_targets", "Examples>NoisyPredictions examples>predict_at_times graded>weighted_loss")
sym("analysis.forward_trajectory", "Chain>ForwardTrajectory walk>forward_states record_chain>record_forward")
sym("analysis.step_comparison", "LADDER>STEP_COUNTS ladder>step_sweep reference>reference_steps steps_for>max_steps asked_by>nfe_at_frame race>race_samplers lockstep>align_by_nfe nearest>rank_by_distance")
sym("evaluation.results", "Measured>MeasuredResult of_network>load_result Curve>QualityCurve load>load_quality_curve Ladders>BlindTest ladders>load_blind_test good_enough>first_within_interval near_best>first_near_best published>published_results MEASURES>METRICS")
sym("evaluation.categories", "KINDS>CATEGORIES kind_of>category_of Measured>CategoryResult measured>category_results of_prompt>category_of_prompt FEWEST>MIN_SAMPLES")
sym("evaluation.nearest_neighbors", "Neighbour>Neighbor shrink>downsample measured>memorization_results load>load_reference_set Drawings>ReferenceSet SUSPICIOUS>COPY_QUANTILE")
sym("toy.diffusion2d", "Maker>GenerativeModel made>init_model static>initial_noise READ>TO_X0 away>mean_nn_distance apart>max_nn_distance trails>paths REACH>DATA_LIMIT START>MAX_T_EPS RUN_STEPS>SAMPLING_STEPS picture>scatter_image")
sym("toy.baselines", "Pupil>DistilledStudent Pairs>TeacherPairs Straightened>Reflow divergence>kl_divergence detour>path_length_ratio ask>apply_net SPREAD>DECODER_STD PAIRS>N_PAIRS")
sym("lessons.scheduling", "Standing>ConceptMastery standings>concept_mastery")
sym("export.pictures", "RUNGS>STEP_COUNTS of>image_strip DRAWING>SAMPLE_IMAGE")
sym("training.ablations", "learn>train_variant spent>cpu_minutes guided>distill_guidance compare_guided>evaluate_guidance")
sym("training.augment", "LEAST>MIN_COLOURED _NEW>_NOVEL")
sym("training.batch_generation", "guided>guided_denoiser for_rows>generate_for_rows grid>generate_grid tile>image_grid")
sym("training.build_dataset", "is_everyday>is_common EVERYDAY_SUBGROUPS>COMMON_SUBGROUPS EVERYDAY_LABELS>COMMON_LABELS")
sym("training.prompts", "EVERYDAY_32>COMMON_32 EVERYDAY_64>COMMON_64 NEW_24>NOVEL_24")
sym("training.eval_edits", "at_strength>img2img_run in_rounds>inpaint_run strengths>measure_strengths rounds>measure_resampling")
sym("training.evaluate", "hits>top_k_hits keep>write_results begun>read_results copying>memorization memorisation>memorization_figures by_kind>by_category nearest>nearest_distances show>print_results trained_on>training_data")
sym("training.model_card.report", "judged>human_eval_text tried>ablation_log network>network_section")
sym("training.model_card.sections", "memory_text>memorization_text")
sym("training.model_card.tables", "kinds_table>categories_table")
sym("training.train_denoiser", "inherit>init_from_smaller stratified>stratified_times _clock>_share_done _steps>_timed_steps _one_of_many>_spawned_worker rate>lr_factor")
sym("ui.frame", "begin>setup_page wake>load_torch go_on>next_lesson ask>closing_question carry_in>restore_control carry_out>remember_control")
sym("ui.learner", "place>load_progress keep>save_progress identity>identify identity_now>current_id _forget_places>_forget_progress")
sym("ui.live", "finals>sample_images row>image_row word_notes>prompt_notices MOST_UPDATES>MAX_UPDATES")
sym("ui.prediction", "predict>ask_prediction")
sym("ui.charts", "two_ways>pixel_histograms settling>convergence race_lines>distance_by_nfe few_calls>distance_by_few_nfe measured_curve>quality_curve guidance>guidance_tradeoff gradings>weighted_losses strengths>img2img_strengths memory>neighbor_distances _finish>_style")
sym("ui.lessons.memorization", "look>show_nearest how>explain_distance KIN>TYPICAL MOST>FAR_PERCENTILE verdict>classify_distance IDEAS>EXAMPLE_PROMPTS")
sym("ui.lessons.quality_curve", "measured>show")
sym("ui.lessons.editing", "redraw>img2img fill>inpaint choose_hole>choose_mask HOLES>MASKS ideas>example_buttons IDEAS>EXAMPLES _take>_apply_example LADDER>STRENGTHS_SHOWN EDGE_NO_MATTER>MIN_JUMP_DIFFERENCE _redrawn>_img2img_image _filled>_inpainted_image _words_alone>_beside_text_to_image _look_again>_compare_resampling")
sym("ui.lessons.forward", "_two_ways>_pixel_samples player>chain_player")
sym("ui.lessons.guidance", "two_answers>cond_and_uncond when>guidance_interval scales>guidance_scales NO_MATTER>MIN_SIMILARITY_CHANGE IDEAS>EXAMPLE_PROMPTS _by_thirds>_interval_images _at_scales>_scale_images")
sym("ui.lessons.classifier_guidance", "judged>show IDEAS>EXAMPLE_LABELS")
sym("ui.lessons.prompt_ablation", "word_by_word>leave_one_out avoid>negative_prompt ideas_to_avoid>negative_examples AVOID>NEGATIVE_EXAMPLES _where_it_looks>_cross_attention _looks>_attention_maps _take_idea>_apply_example")
sym("ui.lessons.generative_models", "three_ways>compare_models straight_ways>straight_trajectories in_one_call>distillation WAYS>MODELS WALKS>NFES STRAIGHT>MAX_STRAIGHT_RATIO TRAILS>PATHS_SHOWN ALIKE>SIMILAR_RATIO _walked>_paths_panel _where>_caption _standing>_still_panel _both_ways>_nn_distances _how_they_fail>_failure_modes LINES>SERIES FLOW>FLOW_MATCHING")
sym("ui.lessons.toy_training", "Lesson>ToyTask trained>train_models guessed>ask_with_preview beneath>backdrop sheet>points_image KEPT>MAX_MODELS NEAR>CLOSE rgb>role_rgb")
sym("ui.lessons.training", "one_problem>training_example where_it_is_hard>loss_over_time train_one>train_toy SAYS>TARGET_TITLES LOOKS>TARGET_PANELS MAKERS>MODELS")
sym("ui.lessons.reverse", "what_to_ask>prompt_guide why_blurry>blur_and_convergence calls_table>evaluations_table numbers>one_step_in_numbers asked>prompt_controls ideas>example_prompts IDEAS>EXAMPLE_PROMPTS SOME>MIN_LISTED LARGEST_SEED>MAX_SEED _take_idea>_apply_example")
sym("ui.lessons.blind_test", "can_you_tell>show")
sym("ui.lessons.steps", "ladder>step_sweep _climb>_sweep race>sampler_race one_jump>one_step")
sym("ui.practice", "WAYS>EXERCISES")
sym("ui.practice.common", "begin_again>restart_exercise")
sym("ui.practice.quiz", "Scene>PosedQuestion scene>pose_question")
# fixed tests helpers need nothing

# attributes: (old, new, receiver regex, file regex)
ANY = ".*"
ATTR = [
 ("time_of", "inverse_log_snr", ANY, ANY), ("prompted", "conditioned", ANY, ANY), ("everyday_words", "common_words", ANY, ANY),
 ("look", "predict", r"judge|label_classifier", ANY),
 ("calls", "nfe", r".*(settings|self|maker|way|ways.*|Settings\(.*|model|teacher|flow|t|s|VAE|GAN|Diffusion)", ANY),
 ("times", "timesteps", r"(run\.)?settings|self|alone|Settings\(.*|s", r"diffviz/(?!training/ablations)|tests/(?!training)"),
 ("hole", "mask", ANY, ANY), ("rounds", "resampling_steps", r"settings|self|edit|.*replace.*", r"diffviz/pipelines|tests/pipelines|diffviz/ui"),
 ("picture", "image", r"settings|edit", r"diffviz/pipelines|tests/pipelines|diffviz/ui"),
 ("picture", "image", r"ladders|blind_test|n|found|found\[0\]|f", ANY),
 ("difference", "difference", ANY, ANY), ("pushed", "guided_difference", ANY, r"diffviz|tests/analysis"),
 ("with_words", "cond", ANY, ANY), ("without", "uncond", ANY, ANY),
 ("off", "rmse", r"found|one|.*examples.*|.*predict_at_times.*", ANY), ("off_saying_nothing", "zero_baseline_rmse", ANY, ANY),
 ("answer", "prediction", r"found|self|one|.*examples.*", r"diffviz/analysis/prediction_targets|tests/analysis/test_prediction_targets|diffviz/ui/lessons/training\.py|diffviz/training/eval_loss|tests/training/test_eval_loss"),
 ("truth", "target", ANY, r"diffviz/analysis/prediction_targets|tests/analysis/test_prediction_targets|diffviz/ui/lessons/training\.py|diffviz/training/eval_loss"),
 ("share_nearer", "percentile", ANY, ANY), ("new", "heldout_distances", r"drawings|self|reference", r"diffviz/evaluation|diffviz/ui|tests/evaluation"),
 ("kind", "category", r"found|figures", r"diffviz/evaluation/categories|diffviz/ui/live|tests/evaluation/test_categories"),
 ("is_of", "matches", ANY, ANY),
 ("whole", "integer", r"c|Controls.*", ANY), ("stops", "select", r"c|Controls.*", ANY), ("_begin", "_prepare", r"self", r"diffviz/ui/controls"),
 ("absorb", "import_events", ANY, ANY), ("whys", "feedback", ANY, ANY),
 ("everyday", "common", r"data|self|batches|batch|trained|tiny", ANY), ("toned", "is_skin_tone", r"data|self\.data|toned|tones|tiny", ANY),
 ("toned", "skin_tone_weight", r"recipe|self\.recipe", ANY), ("focus_from", "oversample_from", ANY, ANY), ("focus_share", "oversample_share", ANY, ANY),
 ("critic", "discriminator", ANY, ANY), ("learn", "training_step", r"self|.*maker.*|.*model.*|flow", r"diffviz/toy|tests/toy"),
 ("draw", "sample", r"self\._teacher|teacher|maker|m|model|.*made\(.*|.*init_model\(.*|net|vae|gan|pupil|student|flow|_teacher|.*maker", r"diffviz/toy|tests/toy|diffviz/ui/lessons"),
 ("draw", "sample", r"self\._pairs|pairs", r"diffviz/toy|tests/toy"),
 ("draw", "next_batch", r"batches", ANY),
 ("maker", "model", ANY, r"diffviz/ui/lessons|tests/ui"), ("run", "snapshots", r"training|t|self|found\[.*\]|.*train_models.*|.*trained\(.*", r"diffviz/ui/lessons/(toy_training|generative_models|training)\.py"),
 ("far", "distance", r"lesson|task", r"diffviz/ui"), ("some", "shown_data", r"lesson|task|self", r"diffviz/ui"),
 ("stem", "conv_in", r"self|.*net", ANY), ("head", "conv_out", r"self|.*net", r"diffviz/models/unet|diffviz/training|tests"), ("shrink", "downsample", r"self|.*net", ANY), ("grow", "upsample", r"self|.*net", ANY), ("level", "noise_embed", r"self|.*net", r"diffviz/models/unet"),
]
ATTR = [a for a in ATTR if a[0] != a[1]]
# members of classes: class regex, old, new
MEMBER = [
 ("Schedule", "time_of", "inverse_log_snr"), ("Denoiser", "prompted", "conditioned"), ("Vocabulary", "everyday_words", "common_words"),
 ("Judge|LabelClassifier", "look", "predict"), ("Settings|Img2ImgSettings|InpaintSettings|Maker|GenerativeModel|VAE|GAN|Pupil|DistilledStudent|Diffusion", "calls", "nfe"), ("Settings", "times", "timesteps"),
 ("Redrawing|Img2ImgSettings|Filling|InpaintSettings|Neighbour|Neighbor|Ladders|BlindTest", "picture", "image"), ("Filling|InpaintSettings", "hole", "mask"), ("Filling|InpaintSettings", "rounds", "resampling_steps"),
 ("BothAnswers|CondUncond", "with_words", "cond"), ("BothAnswers|CondUncond", "without", "uncond"), ("BothAnswers|CondUncond", "pushed", "guided_difference"),
 ("Examples|NoisyPredictions", "off", "rmse"), ("Examples|NoisyPredictions", "off_saying_nothing", "zero_baseline_rmse"), ("Examples|NoisyPredictions", "answer", "prediction"), ("Examples|NoisyPredictions", "truth", "target"),
 ("Drawings|ReferenceSet", "share_nearer", "percentile"), ("Drawings|ReferenceSet", "new", "heldout_distances"), ("Measured|MeasuredResult", "is_of", "matches"), ("Measured|CategoryResult", "kind", "category"),
 ("Controls", "whole", "integer"), ("Controls", "stops", "select"), ("Controls", "_begin", "_prepare"), ("Store", "absorb", "import_events"), ("Question", "whys", "feedback"),
 ("Dataset", "everyday", "common"), ("Dataset", "toned", "is_skin_tone"), ("Recipe", "toned", "skin_tone_weight"), ("Recipe", "focus_from", "oversample_from"), ("Recipe", "focus_share", "oversample_share"),
 ("Maker|GenerativeModel|VAE|GAN|Pupil|DistilledStudent|Pairs|TeacherPairs|Diffusion", "draw", "sample"), ("Diffusion", "learn", "training_step"), ("Batches", "draw", "next_batch"),
 ("Training", "maker", "model"), ("Training", "run", "snapshots"), ("Lesson|ToyTask", "far", "distance"), ("Lesson|ToyTask", "some", "shown_data"),
]
# keyword arguments: callee regex (last name), old, new
KW = [
 ("Redrawing|Img2ImgSettings|Filling|InpaintSettings", "picture", "image"), ("Filling|InpaintSettings|filled|inpaint_captions|partial", "hole", "mask"), ("Filling|InpaintSettings|fill|repaint|inpaint|replace|given|edit|edited", "rounds", "resampling_steps"),
 ("rows|evaluate", "everyday", "common"), ("Vocabulary", "everyday_words", "common_words"), ("PointNet", "said", "outputs"), ("replace|Question", "whys", "feedback"),
 ("Recipe|replace", "toned", "skin_tone_weight"), ("Recipe|replace", "focus_from", "oversample_from"), ("Recipe|replace", "focus_share", "oversample_share"),
 ("show", "tell", "captions"), ("BothAnswers|CondUncond", "with_words", "cond"), ("BothAnswers|CondUncond", "without", "uncond"),
 ("Dataset", "everyday", "common"), ("sample|path", "static", "noise"),
]
# locals (parameters and variables in functions): file regex, function regex, old, new
LOCAL = [
 (ANY, ANY, "judge", "label_classifier"),
 (r"diffviz/pipelines/editing", ANY, "hole", "mask"), (r"diffviz/pipelines/editing", ANY, "rounds", "resampling_steps"), (r"diffviz/pipelines/editing", ANY, "put_right", "corrected"), (r"diffviz/pipelines/editing", ANY, "guess", "x0_hat"),
 (r"diffviz/analysis/frame_captions", ANY, "hole", "mask"), (r"diffviz/analysis/frame_captions", ANY, "off", "error"), (r"diffviz/ui/lessons/editing", ANY, "hole", "mask"), (r"diffviz/ui/lessons/editing", ANY, "rounds", "resampling_steps"), (r"diffviz/training/eval_edits", ANY, "hole", "mask"), (r"diffviz/training/eval_edits", r"inpaint_run|in_rounds", "rounds", "resampling_steps"), (r"tests/pipelines", ANY, "hole", "mask"),
 (r"diffviz/toy", ANY, "static", "noise"), (r"diffviz/toy", ANY, "said", "output"), (r"diffviz/toy", ANY, "right", "target"), (r"diffviz/toy", ANY, "maker", "model"), (r"diffviz/toy", ANY, "critic", "discriminator"), (r"diffviz/toy", ANY, "told", "loss"), (r"diffviz/toy", ANY, "missed", "reconstruction"), (r"diffviz/toy", ANY, "code", "z"), (r"diffviz/toy", ANY, "made", "fake"), (r"diffviz/toy", ANY, "walked", "length"),
 (r"diffviz/ui/lessons/(toy_training|generative_models|training)", ANY, "lesson", "task"), (r"diffviz/ui/lessons/(toy_training|generative_models|training)", ANY, "makers", "models"), (r"diffviz/ui/lessons/(toy_training|generative_models|training)", ANY, "static", "noise"), (r"diffviz/ui/lessons/generative_models", ANY, "walk", "nfe"), (r"diffviz/ui/lessons/generative_models", ANY, "walked", "paths_by_nfe"), (r"diffviz/ui/lessons/generative_models", ANY, "bent", "ratios"), (r"diffviz/ui/lessons/generative_models", ANY, "trail", "path_dots"),
 (r"diffviz/lessons/live_questions", ANY, "whys", "feedback"),
 (r"diffviz/ui/live", ANY, "tell", "captions"),
 (r"diffviz/training/(data|evaluate|batch_generation|ablations|eval_steps)", ANY, "everyday", "common"),
 (r"diffviz/training/train_denoiser", ANY, "everyday", "common_rows"), (r"diffviz/training/train_denoiser", ANY, "focus", "oversampled"),
 (r"diffviz/analysis/guidance_analysis", ANY, "answers", "x0_hat"), (r"diffviz/ui/lessons/guidance", ANY, "answers", "predictions"),
 (r"diffviz/diffusion/samplers", ANY, "before", "x0_prev"), (r"diffviz/diffusion/samplers", ANY, "answers", "x0_history"), (r"diffviz/diffusion/samplers", "ddpm", "shrink", "alpha_ts"), (r"diffviz/diffusion/process", ANY, "shrink", "alpha_ts"), (r"diffviz/diffusion/samplers", "ddim", "fresh", "std"),
]
files = [Path(f) for f in subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.py"], capture_output=True, text=True).stdout.split()]
dry = "--dry" in sys.argv

def modname(p):
    parts = list(p.with_suffix("").parts)
    if parts[-1] == "__init__": parts.pop()
    return ".".join(parts)

class R(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (QualifiedNameProvider, ParentNodeProvider, ScopeProvider, PositionProvider)
    def __init__(self, path): self.path, self.mod, self.problems, self.n, self.classes = str(path), modname(path), [], 0, []
    def pos(self, node): return self.get_metadata(PositionProvider, node).start.line
    def code(self, node): return cst.Module([]).code_for_node(node)
    def clash(self, node, new):
        try: scope = self.get_metadata(ScopeProvider, node)
        except KeyError: return
        if scope is not None and new in scope and not any(getattr(a, "name", "") == "" for a in ()):
            self.problems.append(f"{self.path}:{self.pos(node)}: {new} is bound already")
    def visit_ClassDef(self, node): self.classes.append(node.name.value)
    def leave_ClassDef(self, node, new):
        self.classes.pop(); return new
    def member(self, name, parent_fn=False):
        if not self.classes: return None
        for c, o, n in MEMBER:
            if o == name and re.fullmatch(c, self.classes[-1]): return n
    def target_symbol(self, node):
        for q in self.get_metadata(QualifiedNameProvider, node, ()):
            if callable(q): continue
            name = q.name if q.source == QualifiedNameSource.IMPORT else f"{self.mod}.{q.name}" if q.source == QualifiedNameSource.LOCAL else None
            if name in SYM: return SYM[name]
    def local_rule(self, node):
        for q in self.get_metadata(QualifiedNameProvider, node, ()):
            if q.source == QualifiedNameSource.LOCAL and ".<locals>." in q.name:
                head, _, last = q.name.rpartition(".<locals>.")
                fn = head.split(".<locals>.")
                for f, fun, o, n in LOCAL:
                    if o == last and re.match(f, self.path) and (fun == ANY or any(re.fullmatch(fun, x.split(".")[-1]) for x in fn)): return n
    def leave_Name(self, node, new):
        parent = self.get_metadata(ParentNodeProvider, node, None)
        if isinstance(parent, cst.Arg) and parent.keyword is node: return new
        if isinstance(parent, cst.Attribute) and parent.attr is node: return new
        if isinstance(parent, (cst.ImportAlias,)): return new
        # members at class level
        if isinstance(parent, cst.FunctionDef) and parent.name is node or isinstance(parent, (cst.AnnAssign, cst.AssignTarget)) and getattr(parent, "target", None) is node:
            s = self.get_metadata(ScopeProvider, node, None)
            if type(s).__name__ == "ClassScope" or isinstance(parent, cst.FunctionDef) and self.classes and type(self.get_metadata(ScopeProvider, parent, None)).__name__ == "ClassScope":
                m = self.member(node.value)
                if m: self.n += 1; return new.with_changes(value=m)
                return new
        t = self.target_symbol(node) or self.local_rule(node)
        if t and t != node.value:
            self.clash(node, t); self.n += 1
            return new.with_changes(value=t)
        return new
    def leave_Attribute(self, node, new):
        t = self.target_symbol(node)
        if not t:
            rec = self.code(node.value).replace("\n", " ")
            for o, n, r, f in ATTR:
                if o == node.attr.value and re.match(f, self.path) and re.fullmatch(r, rec, re.S): t = n; break
        if t and t != node.attr.value and node.attr.value == new.attr.value:
            self.n += 1
            return new.with_changes(attr=new.attr.with_changes(value=t))
        return new
    def leave_Call(self, node, new):
        callee = self.code(node.func).split(".")[-1].split("(")[-1]
        args = []
        for a in new.args:
            if a.keyword is not None:
                for c, o, n in KW:
                    if a.keyword.value == o and re.fullmatch(c, callee):
                        a = a.with_changes(keyword=a.keyword.with_changes(value=n)); self.n += 1; break
            args.append(a)
        return new.with_changes(args=args)
    def leave_ImportFrom(self, node, new):
        if node.module is None or isinstance(node.names, cst.ImportStar): return new
        mod = self.code(node.module)
        names = []
        for a in new.names:
            full = f"{mod}.{a.name.value}"
            if full in SYM: a = a.with_changes(name=a.name.with_changes(value=SYM[full])); self.n += 1
            names.append(a)
        return new.with_changes(names=names)

problems = []
for p in files:
    if not p.exists() or not str(p).startswith(("diffviz", "tests", "bench", "pages", "app.py", "home.py")): continue
    src = p.read_text()
    w = MetadataWrapper(cst.parse_module(src))
    r = R(p)
    out = w.visit(r).code
    problems += r.problems
    if out != src:
        print(p, r.n)
        if not dry: p.write_text(out)
print("\n".join(dict.fromkeys(problems)))
