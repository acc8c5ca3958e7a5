# The labels of new rows: python predict.py MODEL INPUT OUTPUT
import sys

import pandas as pd
from transformers import pipeline

model, source, target = sys.argv[1:]
table = pd.read_csv(source)
classify = pipeline("text-classification", model=model, tokenizer=model, batch_size=64)
table["category"] = [answer["label"] for answer in classify(table["text"].tolist(), truncation=True, max_length=128)]
table.to_csv(target, index=False)
