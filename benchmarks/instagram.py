"""Next partner of each creator on Instagram posts: the served lists against baselines.

    .venv/bin/python benchmarks/instagram.py DATA/instagram_kim2020

Accounts that posts tag or mention are merchants, where five or more creators met them by the cut
and they are no listed creators; a post that names one is its promotion. Commenters are engagements,
hashtags become an embedding, the profile gives category and followers. Everything after the cut is
the question: which accounts did creators who had history name for the first time?
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from command_line import between, lacking
from judging import (
    SERVED,
    audience_spaces,
    judge,
    judge_baselines,
    list_rows,
    show,
    summary,
)
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.utils.extmath import randomized_svd

from matching import Plaza
from models.blocks import Vectors
from models.vocabulary import Vocabulary
from training.audience_alone import AudienceAlone
from training.baselines import Ease, ImplicitAls, ItemNeighbours, Popularity
from training.fit import train_market
from training.market import read_market
from training.meetings import pairs_matrix

#: What the folder of the data set holds.
FILES = (
    *("posts.csv.gz", "post_accounts.csv.gz", "accounts.csv.gz"),
    *("creators.csv.gz", "audience_comments.csv.gz", "post_hashtags.csv.gz"),
)
#: Creators that must have met an account before it counts as a merchant.
ENOUGH_CREATORS = 5
#: Width of the embedding of hashtags.
HASHTAG_WIDTH = 96


def read_posts(data: Path) -> pd.DataFrame:
    """Posts with their time as a timestamp; ``post_id, creator_id, occurred_at, …``."""
    posts = pd.read_csv(data / "posts.csv.gz")
    posts["occurred_at"] = pd.to_datetime(posts["ts"], unit="s", utc=True)
    return posts


def read_promotions(data: Path) -> pd.DataFrame:
    """Every naming of an account in a post: ``occurred_at, merchant_id, creator_id, …``."""
    named = pd.read_csv(data / "post_accounts.csv.gz").merge(read_posts(data), on="post_id")
    named["format"] = np.where(named["media_type"] == "Video", "video", "showcase")
    named = named.rename(columns={"account": "merchant_id", "post_id": "session_id"})
    columns = ["occurred_at", "merchant_id", "creator_id", "session_id", "format"]
    return named[columns].sort_values(["occurred_at", "session_id", "merchant_id"])


def write_market(data: Path, market: Path, cut: pd.Timestamp) -> None:
    """Write what was known before the cut as a market folder."""
    posts = read_posts(data)
    posts = posts[posts["occurred_at"] < cut]
    promotions = read_promotions(data)
    promotions = promotions[promotions["occurred_at"] < cut]
    accounts = pd.read_csv(data / "accounts.csv.gz").set_index("account")
    creators_met = promotions.groupby("merchant_id")["creator_id"].nunique()
    listed = accounts["is_listed_creator"].reindex(creators_met.index) == 1
    merchants = creators_met.index[(creators_met >= ENOUGH_CREATORS) & ~listed]

    market.mkdir(parents=True, exist_ok=True)
    promotions[promotions["merchant_id"].isin(merchants)].to_parquet(
        market / "promotions.parquet", index=False
    )
    profiles = pd.read_csv(data / "creators.csv.gz").drop_duplicates("creator_id")
    profiles = profiles[["creator_id", "category", "followers"]]
    profiles = profiles.rename(columns={"category": "categories"})
    profiles.to_parquet(market / "creators.parquet", index=False)
    pd.DataFrame({"merchant_id": merchants}).to_parquet(market / "merchants.parquet", index=False)

    creator_of = posts.set_index("post_id")["creator_id"]
    comments = pd.read_csv(data / "audience_comments.csv.gz")
    comments["occurred_at"] = pd.to_datetime(comments["ts"], unit="s", utc=True)
    comments["entity_id"] = comments["post_id"].map(creator_of)
    comments = comments[(comments["occurred_at"] < cut) & comments["entity_id"].notna()]
    comments = comments.rename(columns={"audience_id": "viewer_id"}).assign(entity="creator")
    comments[["viewer_id", "entity", "entity_id", "occurred_at"]].to_parquet(
        market / "engagements.parquet"
    )
    hashtags = pd.read_csv(data / "post_hashtags.csv.gz")
    hashtags["creator_id"] = hashtags["post_id"].map(creator_of)
    creators, vectors = embed_hashtags(hashtags.dropna(subset=["creator_id"]))
    pd.DataFrame(
        {
            "entity": "creator",
            "entity_id": creators,
            "space": "hashtags",
            "vector": list(vectors),
        }
    ).to_parquet(market / "embeddings.parquet", index=False)


def embed_hashtags(hashtags: pd.DataFrame) -> tuple[np.ndarray, Vectors]:
    """Leading singular vectors of tf-idf over the hashtags that two creators or more use.

    Returns
    -------
    creators : array of ids
    vectors : float32 array of shape (n_creators, HASHTAG_WIDTH), rows of length one
    """
    creator, creators = pd.factorize(hashtags["creator_id"], sort=True)
    tag, tags = pd.factorize(hashtags["hashtag"], sort=True)
    counts = sp.csr_matrix((np.ones(len(tag)), (creator, tag)), shape=(len(creators), len(tags)))
    counts = counts[:, counts.getnnz(axis=0) >= 2]
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    left, values, _ = randomized_svd(weighted, HASHTAG_WIDTH, random_state=0)
    vectors = left * values
    length = np.linalg.norm(vectors, axis=1)
    found = length > 1e-6
    return np.asarray(creators)[found], (vectors[found] / length[found, None]).astype(np.float32)


def run(
    data: Path, work: Path, cut: pd.Timestamp, until: pd.Timestamp | None = None, depth: int = 100
) -> pd.DataFrame:
    """Train as of the cut, rank accounts for creators, and judge by the time up to ``until``.

    Lists are ``depth`` long; an account that is not on one counts as not found.

    Returns
    -------
    DataFrame of the figures, one row per method
    """
    write_market(data, work / "market", cut)
    market = read_market(work / "market", as_of=cut)
    train_market(market, work / "bundle")
    plaza = Plaza.load(work / "bundle")
    merchants, creators = Vocabulary.of(plaza.merchant_ids), Vocabulary.of(plaza.creator_ids)

    history = pairs_matrix(market.table("promotions"), merchants, creators)
    later = read_promotions(data)
    later = later[later["occurred_at"] >= cut]
    if until is not None:
        later = later[later["occurred_at"] < until]
    found = pairs_matrix(later, merchants, creators)
    found = sp.csr_matrix(found - found.multiply(history))
    found.eliminate_zeros()
    asking = np.flatnonzero((history.getnnz(axis=0) > 0) & (found.getnnz(axis=0) > 0))
    relevant = found.T.tocsr()[asking]
    print(f"{len(asking)} creators ask, {relevant.nnz} new accounts, among {len(merchants)}")

    askers = creators.ids[asking].tolist()
    served = plaza.merchants_for(askers, k=depth, objective="match", exclude_worked_with=True)
    lists = list_rows(served, "creator_id", "merchant_id", askers, merchants, depth)
    spaces = [(other, own) for own, other in audience_spaces(market, merchants, creators)]
    judged = judge_baselines(
        {
            "popularity": Popularity(),
            "item-kNN, cosine": ItemNeighbours(shrink=0.0),
            "item-kNN, cosine, shrink 5": ItemNeighbours(shrink=5.0),
            "EASE, penalty 20": Ease(penalty=20.0),
            "implicit ALS alone": ImplicitAls(),
            "audience alone": AudienceAlone(spaces),
        },
        history.T.tocsr(),
        asking,
        relevant,
        depth,
    )
    judged[SERVED] = judge(lists, relevant)
    return summary(judged)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with posts.csv.gz, post_accounts.csv.gz, …")
    parser.add_argument(
        "--cuts",
        type=between(0.0, 1.0, "0.8"),
        nargs="+",
        default=[0.6, 0.7, 0.8],
        metavar="SHARE",
        help="shares of the posts that come before the cut",
    )
    parser.add_argument("--market", type=Path, help="only write the market, with all posts, here")
    asked = parser.parse_args()
    if complaint := lacking(asked.data, FILES, "give the data set's own folder"):
        parser.error(complaint)
    posts = read_posts(asked.data)["occurred_at"]
    if asked.market is not None:
        write_market(asked.data, asked.market, posts.max() + pd.Timedelta(seconds=1))
        return
    for share in asked.cuts:
        cut, until = posts.quantile(share), posts.quantile(min(1.0, share + 0.2))
        print(f"\ncut at {cut:%Y-%m-%d}, questions up to {until:%Y-%m-%d}")
        with tempfile.TemporaryDirectory() as work:
            figures = run(asked.data, Path(work), cut, None if share + 0.2 >= 1 else until)
        print(show(figures))


if __name__ == "__main__":
    main()
