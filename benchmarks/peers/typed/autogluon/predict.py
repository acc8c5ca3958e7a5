# The labels of new rows: python predict.py MODEL INPUT OUTPUT
import sys

import pandas as pd
from autogluon.tabular import TabularPredictor

model, source, target = sys.argv[1:]
table = pd.read_csv(source)
table["category"] = TabularPredictor.load(model).predict(table)
table.to_csv(target, index=False)
