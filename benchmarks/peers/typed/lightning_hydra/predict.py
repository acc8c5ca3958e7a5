# The labels of new rows: python predict.py CHECKPOINT INPUT OUTPUT
import sys

import pandas as pd
import torch
from lightning import Trainer
from module import TextData, TextModule

checkpoint, source, target = sys.argv[1:]
data = TextData(batch_size=64, max_length=128)
model = TextModule.load_from_checkpoint(checkpoint)
guesses = torch.cat(Trainer(accelerator="cpu", logger=False).predict(model, data.loader(source))).tolist()
table = pd.read_csv(source)
table["category"] = [data.names[guess] for guess in guesses]
table.to_csv(target, index=False)
