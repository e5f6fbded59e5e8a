"""A script with argparse: scikit-learn's digits, trained in passes over the data."""

import argparse

import wandb
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--alpha", type=float, default=1e-4)
    parser.add_argument("--average", action="store_true")
    parser.add_argument("--epochs", type=int, default=20)
    args = parser.parse_args()
    images, labels = load_digits(return_X_y=True)
    x, x_val, y, y_val = train_test_split(images / 16, labels, test_size=0.2, random_state=0)
    model = SGDClassifier(alpha=args.alpha, average=args.average, random_state=0)
    with wandb.init(config=vars(args)) as run:
        for epoch in range(args.epochs):
            model.partial_fit(x, y, classes=range(10))
            run.log({"epoch": epoch, "val_acc": model.score(x_val, y_val)})


if __name__ == "__main__":
    main()
