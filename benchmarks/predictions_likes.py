"""Likes of later posts, standing for displays: from the creator and what it posted before.

The model is `models.exposure.ExposureModel`, as any market has it: the creator's own earlier posts,
and its profile (category, followers, followees, number of posts) where they are few. Nothing of
the post itself is used, nor of its comments. In a second line the post's own fields, known when it
is posted, enter as features of a product that is promoted once. Nearly half of the later posts are
of creators that no earlier post is known of; their profiles are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from halves import read_held_out
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from threadpoolctl import threadpool_limits

from models.exposure import ExposureModel
from models.features import EntityFeatures
from models.pairs import Floats, Pairs
from models.vocabulary import Rows
from training.coverage import coverage

FILES = ("posts.csv.gz", "creators.csv.gz")
#: Shares of the visible posts before the cut; the fifth that follows is asked for.
CUTS = (0.6, 0.7, 0.8)
OURS, WITH_POST = "model: creator and history", "model: with the post's fields"
#: Age at which a post counts half: posts are years apart, and 90 to 240 days do as well.
HALF_LIFE_DAYS = 120.0
PROFILE = ("followers", "followees", "n_posts")
POST_COUNTS = ("caption_len", "n_hashtags", "n_mentions", "n_tagged")
POST_MARKS = ("ad_disclosed", "official_sponsor", "has_location")
_HISTORY = (-1, 0, 1, 2, 10_000)


@dataclass(frozen=True)
class Question:
    """Posts that are known, and later ones asked for."""

    creators: pd.DataFrame
    past: pd.DataFrame
    later: pd.DataFrame

    @cached_property
    def ids(self) -> pd.Index:
        """Ids of the creators, sorted."""
        found = [self.creators["creator_id"], self.past["creator_id"], self.later["creator_id"]]
        return pd.Index(np.unique(np.concatenate(found)))

    @cached_property
    def profiles(self) -> pd.DataFrame:
        """One row for each creator."""
        return self.creators.drop_duplicates("creator_id").set_index("creator_id").reindex(self.ids)

    @cached_property
    def actual(self) -> Floats:
        """``log1p`` of the likes that came."""
        found: Floats = np.log1p(self.later["likes"].to_numpy(float))
        return found

    @cached_property
    def earlier(self) -> Rows:
        """Known posts of each later post's creator."""
        counts = self.past["creator_id"].value_counts()
        return np.asarray(counts.reindex(self.later["creator_id"]).fillna(0), dtype=np.int32)

    def fitted(self, *, posts: bool) -> tuple[Floats, pd.DataFrame]:
        """Logs predicted of the later posts, and their likes as mean, low and high.

        Parameters
        ----------
        posts : bool
            Use the posts' own fields.
        """
        both = pd.concat([self.past, self.later], ignore_index=True)
        rows = self.ids.get_indexer(pd.Index(both["creator_id"])).astype(np.int32)
        count = len(both) if posts else 0
        post = np.arange(len(both), dtype=np.int32) if posts else np.zeros(len(both), np.int32)
        unknown = np.full(len(both), np.nan)
        pairs = Pairs(np.zeros(len(both), np.int32), rows, post, unknown, unknown)
        known = np.arange(len(both)) < len(self.past)
        age = (self.past["ts"].max() - self.past["ts"].to_numpy(float)) / 86_400
        model = ExposureModel(HALF_LIFE_DAYS).fit(
            pairs.take(known),
            self.past["likes"].to_numpy(float),
            age_days=age,
            creators=EntityFeatures.of(
                len(self.ids),
                {name: self.profiles[name] for name in PROFILE},
                {"category": self.profiles["category"]},
                log_scaled=PROFILE,
            ),
            merchants=EntityFeatures.of(1),
            products=_post_features(both) if posts else EntityFeatures.of(count),
        )
        asked = pairs.take(~known)
        told = model.predict(asked)
        return model.model_.predict(asked)[0], pd.DataFrame(vars(told))

    def rivals(self) -> Iterator[tuple[str, Floats]]:
        """What one would try first: least squares, and trees, on profile and post."""
        known, asked = (_columns(self.profiles, posts) for posts in (self.past, self.later))
        target = np.log1p(self.past["likes"].to_numpy(float))
        middle = known.median()
        line = LinearRegression().fit(known.fillna(middle), target)
        yield "least squares, profile and post", line.predict(asked.fillna(middle))
        for name, columns in (
            ("trees, profile alone", [one for one in known if one not in _post_names()]),
            ("trees, profile and post", list(known)),
        ):
            trees = HistGradientBoostingRegressor(
                learning_rate=0.05,
                max_iter=250,
                max_leaf_nodes=12,
                min_samples_leaf=30,
                l2_regularization=5.0,
                random_state=0,
            )
            # Threads that wait for each other take longer on a busy machine than one alone.
            with threadpool_limits(1):
                yield name, trees.fit(known[columns], target).predict(asked[columns])


def _post_names() -> tuple[str, ...]:
    return (*POST_COUNTS, *POST_MARKS, "several_pictures")


def _post_numbers(posts: pd.DataFrame) -> dict[str, Floats]:
    numbers = {name: posts[name].to_numpy(float) for name in (*POST_COUNTS, *POST_MARKS)}
    return {**numbers, "several_pictures": (posts["media_type"] == "Sidecar").to_numpy(float)}


def _post_features(posts: pd.DataFrame) -> EntityFeatures:
    return EntityFeatures.of(len(posts), _post_numbers(posts), log_scaled=POST_COUNTS)


def _columns(profiles: pd.DataFrame, posts: pd.DataFrame) -> pd.DataFrame:
    """Profile and post of each row, as the rivals read them."""
    of = profiles.reindex(posts["creator_id"])
    columns = {name: np.log1p(of[name].to_numpy(float)) for name in PROFILE}
    for label in sorted(profiles["category"].dropna().unique()):
        columns[f"category={label}"] = (of["category"] == label).to_numpy(float)
    return pd.DataFrame({**columns, **_post_numbers(posts)})


def explained(actual: Floats, predicted: Floats) -> float:
    """Share of the variance explained, R².

    Examples
    --------
    >>> explained(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0]))
    0.5
    """
    return float(1.0 - ((actual - predicted) ** 2).sum() / ((actual - actual.mean()) ** 2).sum())


def figures(question: Question) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Errors of all methods, a row each, and how the model's intervals hold."""
    log, told = question.fitted(posts=False)
    found = dict(question.rivals())
    found |= {OURS: log, WITH_POST: question.fitted(posts=True)[0]}
    seen = question.earlier > 0
    rows = {
        name: {
            "R2": explained(question.actual, predicted),
            "R2, seen before": explained(question.actual[seen], predicted[seen]),
            "R2, never seen": explained(question.actual[~seen], predicted[~seen]),
            "mean error": np.abs(question.actual - predicted).mean(),
        }
        for name, predicted in found.items()
    }
    history = pd.cut(question.earlier, _HISTORY, labels=["none", "1", "2", "3 and more"])
    likes = question.later["likes"].to_numpy(float)
    point, low, high = (told[name].to_numpy(float) for name in ("point", "low", "high"))
    held = coverage(likes, point, low, high, history)
    return pd.DataFrame(rows).T, held.rename(columns={"group": "earlier posts"})


def questions(data: Path, held_out: Path | None) -> Iterator[tuple[str, Question]]:
    """The posts held out, or later fifths of those that are visible."""
    posts = pd.read_csv(data / "posts.csv.gz").sort_values(["ts", "post_id"])
    creators = pd.read_csv(data / "creators.csv.gz")
    if held_out is not None:
        later = read_held_out(held_out, posts)
        yield f"{len(later):,} posts held out", Question(creators, posts, later)
        return
    for share in CUTS:
        cut, until = posts["ts"].quantile(share), posts["ts"].quantile(min(1.0, share + 0.2))
        past = posts[posts["ts"] < cut]
        later = posts[(posts["ts"] >= cut) & (posts["ts"] <= until)]
        day = pd.Timestamp(cut, unit="s")
        yield f"cut at {day:%Y-%m-%d}, {len(later):,} later posts", Question(creators, past, later)


def report(data: Path, held_out: Path | None) -> str:
    """All figures as text."""
    lines = ["Likes of later posts (Instagram): log1p(likes), time split"]
    for title, question in questions(data, held_out):
        errors, held = figures(question)
        lines += [
            "",
            f"{title}; {(question.earlier == 0).mean():.0%} of them by creators never seen before",
            errors.round(3).to_string(),
            f"80 % intervals of {OURS}:",
            held.round(3).to_string(index=False),
        ]
    return "\n".join(lines)
