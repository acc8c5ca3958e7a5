"""Requests that people got wrong, one a line as it is typed behind `train.py`, by what is wrong with them."""

KEYS = """
trainer.strategy=ddp
predict=RUN
export=onnx
devices=2
trainer.devices=all
trainer.devices=-1 trainer.accelerator=cpu
trainer.devices=-2
baselines.max_wait_s=0
trainer.devices=0
trainer.strategy=fsdp trainer.devices=2
trainer.strategy=single_device trainer.devices=2
trainer.devices=2 model=linear
trainer.devices=2 callbacks.lr_finder.enabled=true
strategy=ddp
model._target_=a.B
_target_=a.B
trainer.enable_checkpointing=false
trainer.max_steps=0
trainer.epochs=3
epochs=3
learning_rate=1e-4
optimizer.learning_rate=1e-4
lr=1e-4
batch_size=16
trainer.batch_size=16
trainer.gradient_clip=1
accumulate_grad_batches=4
callbacks.accumulate.batches=4
gradient_accumulation_steps=4
optimizr.lr=1e-4
data.batchsize=16
patience=3
early_stopping.patience=3
scheduler.type=cosine
scheduler.name=cosine
optimizer.name=adamw
loss.type=focal
model.type=ngram
model=auto model.dropout=0.2
model=auto peft=lora
model=auto data=custom
model=auto model_reason=x
-m model=auto,ngram
-m model=auto data.num_rows=100,200
-m model=auto data=maintenance,qa_demo
optimizer.momentum=0.9
+optimizer.momentum=0.9
+optimzer.lr=3
++foo.bar=3
zzz=1
a.b.c.d=1
loss.head_weights.causa=2
trainer.max_epochs.x=5
tags.0.x=1
+seed=3
~sed
~model
~data
~trainer.max_epochs
~data.max_rows
~model.architecture
~logger
word
=3
.=3
a..b=3
model@foo=beto
ckpt_path=last.ckpt
train=False
test=False
task_name=x
hparams_search=mnist_optuna
optimized_metric=val/acc_best
hydra=default
local=default
paths=default
paths.log_dir=logs
paths.output_dir=logs
paths.data_dir=data
extras=default
extras.print_config=True
extras.enforce_tags=False
callbacks.early_stopping.monitor=val/loss
callbacks.model_checkpoint.monitor=val/acc
callbacks.model_checkpoint.every_n_train_steps=3
callbacks.model_checkpoint.save_top_k=3
callbacks.model_summary.max_depth=1
callbacks.rich_progress_bar.leave=true
trainer.default_root_dir=logs
trainer.tpu_cores=8
data.data_dir=data
data.train_val_test_split=[1,2,3]
model.optimizer.lr=1e-4
model.optimizer._target_=torch.optim.Adam
model.scheduler.factor=0.1
model.net.lin1_size=128
"""

CHOICES = """
trainer=ddp
trainer=ddp_sim
trainer=mps
logger=neptune
logger=many_loggers
data=mnist
model=mnist
experiment=example
model=betto
model=
model=null
data=cvs
optimizer=sdg
scheduler=zzz
trainer=ddp
logger=[csv,wnadb]
logger=null
peft=lroa
experiment=null
experiment=imdb_quik
hydra/sweeper=nope
hydra/launcher=nope
model=tiny,ngram
model=patchtst
data=rainfall
data=squad
data=qa_demo model=ngram
"""

VALUES = """
data=csv data.path=a.parquet data.text=[a] data.labels=[b] data.streaming=true model=linear
data=csv data.path=a.parquet data.text=[a] data.labels=[b] data.streaming=true data.split.group=c
data=csv data.path=a.parquet data.text=[a] data.labels=[b] data.streaming=true data.merge_spellings=true
data=csv data.path=a.csv data.text=[a] data.labels=[b] data.shuffle_buffer=10
seed=x
seed=3.5
seed=-1
seed=1e400
seed=nan
seed=true
seed=null
experiment_name=null
tags=a
tags={a:1}
tags={a:
data.text=[a
run_name=[1]
trainer.max_epochs=0
trainer.max_epochs=-3
trainer.max_epochs=true
trainer.max_epochs=10000000
trainer.min_epochs=99
trainer.precision=17
trainer.precision=bf17
trainer.accelerator=tpu
trainer.threads=100000
trainer.threads=0
trainer.gradient_clip_val=-1
trainer.compile=maybe
trainer=5
optimizer.lr=-1
optimizer.lr=fast
optimizer.lr=inf
optimizer.betas=[0.9]
optimizer.betas=[a,b]
optimizer.betas=0.9
optimizer.eps=0
optimizer.fused=perhaps
scheduler.kind=linaer
scheduler.warmup_ratio=1
scheduler.warmup_steps=10
scheduler.warmup_steps=-1
loss.kind=focl
loss.label_smoothing=1
loss.gamma=-1
loss.logit_adjustment=-1
loss.head_weights={causa: -1}
loss.head_weights={causa: nan}
loss.class_weights={causa: balance}
loss.head_weighting=none
data.batch_size=0
data.batch_size=99999999999999999999
data.num_workers=100000
data.max_length=long
data.max_rows=5
model=ngram data.max_windows=4
data.max_windows=0
data.max_rows.train=-1
data.split.val=1.5
data.split.val=0.6 data.split.test=0.6
data.num_rows=5
data.num_rows=1000000000000
data.leaks.action=ignore
data.pin_memory=maybe
data.metric=val/foo
data.metric=5
evaluation.decision=threshold
evaluation.decison=argmax
evaluation.threshold=0.3
objective.metric=5
objective.metric=val/foo
objective.metric=f1_macro
objective.metric=test/f1_macro
objective.metric=train/f1_macro
objective.metric=val/loss objective.mode=max
objective.mode=min
callbacks.early_stopping.patience=0
callbacks.early_stopping.mode=max
callbacks.early_stopping.metric=test/loss
callbacks.early_stopping.metric=val/foo
data.split.train_on_val=true callbacks.early_stopping.patience=3
data=ucr model=inception_time data.split.val=leave_one_out
data.split.refit=true data.split.train_on_val=true callbacks.early_stopping.patience=null
data.split.refit=true scheduler=plateau
data.split.folds=1
data.split.folds=5 data.split.fold=5
data.split.fold=0
data.split.folds=5 sweep=text
data.split.folds=5 data.split.train_on_val=true callbacks.early_stopping.patience=null
data=ucr model=minirocket data.split.val=leave_one_out data.split.train_on_val=true
callbacks.freeze.layers=99
callbacks.freeze.layers=-1
callbacks.freeze.schedule={0: 1, 1: 2}
callbacks.freeze.schedule={999: 0} callbacks.freeze.layers=1
callbacks.freeze.schedule=[1]
trainer.accumulate_grad_batches=0
trainer.accumulate_grad_batches=4 callbacks.accumulate.schedule={0: 8, 4: 4}
callbacks.checkpoint.every_n_steps=0
callbacks.lr_finder.enabled=true callbacks.lr_finder.min_lr=5
callbacks.lr_finder.num_steps=1
callbacks.batch_finder.enabled=true callbacks.batch_finder.max_batch_size=1
callbacks.batch_finder.enabled=true data.max_tokens=500
callbacks.overfit.gap=-1
callbacks.progress.refresh=x
logger.wandb.mode=onlin
logger.wandb.project=null
cache.max_gib=0
cache.hidden_states=true
cache.dtype=fp64
cache.dir=[a]
peft=lora model=ngram
peft=lora peft.r=0
peft=lora peft.layers=[-1]
peft=lora peft.layers=[x]
peft=lora peft.layers=[0,0]
peft=lora peft.targets=[]
peft=lora callbacks.freeze.layers=1
trainer.gradient_checkpointing=true model=ngram
trainer.compile=true model=ngram
trainer.compile=true cache.hidden_states=true callbacks.freeze.layers=1
model.path=5 model.architecture=null model.pretrained=maybe
model.architecture=null
model.architecture=[]
model.architecture.hidden_size=0
model.architecture.hidden_size=abc
model.architecture.num_attention_heads=7
model.architecture.num_hidden_layers=9223372036854775807
model.architecture.hidden_dropout_prob=2
model=distilbeto model.pretrained=true model.vocabulary_size=5
model.vocabulary_size=999999999999
model.pooling=sum
model.head=hf
model.head=transformers data=qa_demo
model.head=transformers model.base=linear data=csv data.path=a.csv data.text=[t] data.labels=[l]
model=ngram model.head=transformers
model=ngram model.buckets=1
model=ngram model.buckets=0
model=ngram model.char_ngrams=[5,2]
model=ngram model.word_ngrams=[3,1]
model=ngram model.char_ngrams=[1,1000000]
model=ngram callbacks.freeze.layers=1
model=tiny data=qa_demo model.base=linear
model=tiny model.base=tree
model=tiny model.base_dropout=0.5
model=ngram model.confidence_weighting=1
model=ngram model.base=linear model.confidence_weighting=-1
model=tiny_attention data=qa_demo
model=ngram model.base=linear data.split.refit=true
model=minirocket data=rainfall model.base=linear
peft=lora model.base=linear peft.merge=true
model=patchtst data=rainfall model.num_heads=7
model=patchtst data=rainfall model.stride=999
model=patchtst data=rainfall model.num_layers=99999999
model=timer_xl data=rainfall model.covariate=true model.mixing=false
model=timer_xl data=rainfall model.partial=true
model=timer_xl data=rainfall model.pretrain=true
model=timer_xl data=rainfall model.width=6 model.num_heads=2
model=inception_time data=rainfall model.kernels=[40,20]
model=inception_time data=rainfall model.kernels=[]
model=inception_time data=rainfall model.linear_skip=100
model=patchtst data=rainfall model.linear_skip=-1
model=minirocket data=rainfall model.linear_skip=7
model=inception_time data=rainfall loss.head_weighting=uncertainty
model=minirocket data=rainfall model.head=ridge trainer.max_epochs=9
model=minirocket data=rainfall model.alphas=[-1]
model=linear trainer.max_epochs=9
model=linear trainer.precision=bf16
model=linear loss.kind=focal
model=linear loss.logit_adjustment=0.5
model=linear model.c=0
model=linear data=rainfall
model=linear callbacks.freeze.layers=2
model=logistic_lags data=rainfall model.ensemble=3
model=logistic_lags data=rainfall model.lags=0
model=logistic_lags
data=rainfall model=inception_time data.label=5
data=series_table data.path=a.csv model=inception_time data.label={feature: rain}
data=rainfall model=inception_time data.split.val_from=2015-01-01
data=rainfall model=inception_time data.gap_share=0.9
data=rainfall model=inception_time data.past_labels=often
data=series_table data.path=a.csv data.time=t model=inception_time data.label=wet data.past_labels=true
data=csv
data=csv data.path=a.csv
data=csv data.text=[a] data.labels=[b]
data=csv data.path=a.csv data.text=a data.labels=b
data=csv data.path=a.csv data.text=[a,a] data.labels=[a]
data=csv data.path=a.csv data.train=b.csv data.text=[a] data.labels=[b]
data=csv data.path=a.csv data.text=[a] data.labels=[b] objective.metric=val/c/f1_macro
data=series_table model=inception_time
data=squad data.path=a.json data.stride=999
data=squad data.path=a.json data.max_answer=999
data=squad data.path=a.json objective.metric=val/accuracy
data=qa_demo loss.class_weights=balanced
data=hub
data.path=a.csv
data.label=x
model.buckets=3
optimizer.lr=${modl.lr}
optimizer.lr=${nothing.near}
seed=${oc.env:LAB_NO_SUCH_VARIABLE}
seed=${seed}
model.lr=${optimizer.lr}
tags=[${foo}]
optimizer.lr=${modl.lr} trainer.max_epochs=0 seed=x
hydra.run.dir=null
hydra.foo=3
hydra.job.chdir=maybe
cache.dir=LONG
data=csv data.path=LONG data.text=[a] data.labels=[b]
resume=/no/such/run
test=/no/such/run
resume=LONG
resume=/no/such/run test=/no/such/run
--config-name nope
--config-dir /no/such/folder
"""

SWEEPS = """
sweep=text
sweep=texxt -m
seed=1,2
optimizer.lr=interval(1e-5,1e-3)
-m optimizer.lr=interval(1e-5,1e-3)
-m model=tiny,betto
-m seed=1,x
-m model=glob(zzz*)
-m peft=glob(*)
-m sweep=text sweep.foo=3
-m sweep=text sweep.early_termination=bandit
-m sweep=text sweep.early_termination=bandt
-m sweep=text sweep.early_termination=3
-m sweep=text sweep.early_termination.evaluation_interval=0
-m sweep=text sweep.early_termination.slack_amount=1
-m sweep=text sweep.early_termination={type: bandit, slack_factor: 0.1, slack_amount: 1}
-m sweep=text sweep.early_termination={type: bandit, slack_factr: 0.1}
-m sweep=text sweep.early_termination={type: truncation_selection}
-m sweep=text sweep.early_termination={type: median_stopping}
-m sweep=text ~sweep.early_termination +sweep.early_termination={type: truncation_selection, truncation_percentage: 0}
-m sweep=text sweep.sampling_algorithm=grid
-m sweep=text sweep.sampling_algorithm=gird
-m sweep=text sweep.sampling_algorithm.seed=x
-m sweep=text sweep.sampling_algorithm.rule=sobl
-m sweep=text ~sweep.sampling_algorithm +sweep.sampling_algorithm={type: random, logbase: 0}
-m sweep=text sweep.sampling_algorithm=cmaes
-m sweep=text sweep.objective={goal: minimize}
-m sweep=text sweep.objective={goal: up}
-m sweep=text sweep.objective={primary_metric: val/foo, goal: minimize}
-m sweep=text sweep.objective={primary_metric: test/f1_macro}
-m sweep=text +sweep.objective.metric=val/loss
-m sweep=text objective.metric=val/accuracy
-m sweep=text optimizer.lr=interval(3,1)
-m sweep=text optimizer.lr=tag(log,interval(0,1))
-m sweep=text optimizer.lr=tag(foo,interval(1,3))
-m sweep=text optimizer.lr=shuffle(range(1,5))
-m sweep=text optimizer.lr=1e-3
-m sweep=text data=rainfall model=minirocket optimizer.lr=1e-3,2e-3
-m sweep=lr data=rainfall model=minirocket
-m sweep=text data.batch_size=interval(0.5,8.5)
-m sweep=text data.batch_size=0,8
-m sweep=text optimizr.lr=interval(1e-3,1e-2)
-m sweep=text sweep.search_space.optimizer.lr={low: 1e-5}
-m sweep=text sweep.search_space={optimizer.weight_decay: {type: choice, values: [0.1]}}
-m sweep=text objective.metric=val/loss,val/f1_macro
-m sweep=text sweep.limits.max_total_trials=0
-m sweep=text sweep.limits.timeout=PT2H
-m sweep=text sweep.limits=5
-m sweep=text sweep.confirm=3
-m sweep=text sweep.confirm={top_k: 0}
-m sweep=text sweep.confirm={top_k: 1, seeds: 1}
-m sweep=text sweep.confirm={top_k: 2, seeds: 3} seed=1,2
-m sweep=text sweep.study=a/b
-m sweep=text sweep.storage=foo
-m sweep=text sweep.storage=nope://a/b
-m sweep=text sweep.storage=grpc://head
-m sweep=text sweep.storage=oracle+oracledb://u@h/d
-m sweep=text sweep.azure.metric=val/f1_macro
-m sweep=text trainer.max_epochs=0 sweep.early_termination=bandit
-m sweep=azure
-m sweep=azure sweep.azure.file=/no/such/job.yaml
-m sweep=azure sweep.azure.file=LONG
-m hydra/sweeper=lab
-m hydra/sweeper=lab optimizer.lr=interval(1e-5,1e-3)
-m seed=1,2 hydra/launcher=submitit_slurm
-m seed=1,2 hydra/launcher=submitit_slurm hydra.launcher.tasks_per_node=2
-m seed=1,2 hydra/launcher=submitit_slurm trainer.devices=2 hydra.launcher.gpus_per_node=1
-m seed=1,2 hydra/launcher=submitit_slurm hydra.launcher.timeout_min=1
-m resume=/no/such/run
"""

REPORT = """
run=outputs
runs=5
lang=fr
lang=null
top_k=0
top_k=many
source=nope
objective.metric=5 objective.mode=up
allow_mixed=maybe
by=[model]
together=true
statistics.confidence=2
statistics.most_groups=0.5
diagnosis.overfit_gap=wide
what_if=bandit
diagnosis.unstable_runs=-1
register=hub
outputs=x
baselin=ngram
lang=${foo}
hydra.foo=1
word
"""


def lines(text: str) -> list[tuple[str, ...]]:
    """The words of each line: a blank parts two words unless it stands in a bracket."""
    result = []
    for line in text.strip().splitlines():
        words: list[str] = []
        for piece in line.split(" "):
            is_open = words and any(words[-1].count(one) > words[-1].count(other) for one, other in ("{}", "[]", "()"))
            if is_open and not words[-1].endswith("{a:"):
                words[-1] += f" {piece}"
            else:
                words.append(piece)
        result.append(tuple(word.replace("LONG", "a" * 5000) for word in words))
    return result
