"""The indices of the field, from the tables of a market: definitions to look up and to call.

=======================  ===========================================================================
``rates``                GPM, click-through, click conversion, watch-to-order, item price
``net_gmv``              net GMV, and what it lies between
``width_and_depth``      content-width and conversion-depth index, 50 points each
``product_roles``        traffic, core, profit and potential products
``experience``           experience score, out of 10, and the three bad rates
``five_a``               size and structure of the audience, A1 to A5
``five_a_flow``          who went from which rung to which
``points``               how values become points among peers, how unknown parts are kept apart
=======================  ===========================================================================

Three rules hold in all of them. Sums come first, then one division, never a mean of rates. Unknown
is not zero: what rests on something unknown is NaN, or says out of how many points it is. A rate of
no trials is NaN.
"""

from __future__ import annotations

from matching.indices.experience import (
    bad_review_rate,
    complaint_rate,
    experience_score,
    quality_return_rate,
)
from matching.indices.five_a import five_a_shares, five_a_structure
from matching.indices.five_a_flow import five_a_flow, five_a_flow_rates, five_a_net_flow
from matching.indices.net_gmv import net_gmv, net_gmv_bounds
from matching.indices.points import add_points, percentile_points
from matching.indices.product_roles import product_roles, role_shares
from matching.indices.rates import (
    click_conversion,
    click_through,
    gpm,
    item_price,
    rate_bounds,
    watch_to_order,
)
from matching.indices.width_and_depth import (
    content_width_index,
    content_width_parts,
    conversion_depth_index,
    conversion_depth_parts,
)

__all__ = [
    "add_points",
    "bad_review_rate",
    "click_conversion",
    "click_through",
    "complaint_rate",
    "content_width_index",
    "content_width_parts",
    "conversion_depth_index",
    "conversion_depth_parts",
    "experience_score",
    "five_a_flow",
    "five_a_flow_rates",
    "five_a_net_flow",
    "five_a_shares",
    "five_a_structure",
    "gpm",
    "item_price",
    "net_gmv",
    "net_gmv_bounds",
    "percentile_points",
    "product_roles",
    "quality_return_rate",
    "rate_bounds",
    "role_shares",
    "watch_to_order",
]
