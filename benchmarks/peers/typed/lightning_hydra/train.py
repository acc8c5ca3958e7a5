import hydra
from hydra.utils import instantiate
from lightning import seed_everything
from module import TextData, TextModule


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    seed_everything(config.seed)
    data = TextData(**config.data)
    model = TextModule(data.names, **config.model)
    callbacks = [instantiate(each) for each in config.callbacks.values()]
    trainer = instantiate(config.trainer, callbacks=callbacks, logger=instantiate(config.logger))
    trainer.fit(model, data, ckpt_path=config.ckpt_path)


main()
