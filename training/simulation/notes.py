"""The notes that go with a simulated market: that it is one, and by which laws."""

from __future__ import annotations

SYNTHETIC = """\
# A synthetic market

Every row in this folder was drawn by `alliance simulate` (seed {seed}, {creators} creators,
{merchants} merchants). No person, shop or sale in it exists. Names end in "(synthetic)", and every
file carries `synthetic: true` in its metadata. The market is seen as of {end} UTC.

`truth/` holds what no market would tell: what any merchant and creator would bring each other.
Judge a policy by it; learn nothing from it.
"""

TRUTH = """\
# The truth of a synthetic market

State on the market's last day. Arrays are `.npy`, scalars per entity are columns of
`creators.parquet`, `merchants.parquet`, `products.parquet`; constants are in `laws.json`, named as
below. Row numbers count from 0 in those files; matrices have the same rows.

For merchant m, creator c and product p of m:

    viewer    = cosine(creator_viewer[c], product_audience[p]) - 0.5
    buyer     = cosine(creator_buyer[c],  product_audience[p]) - 0.5
    fan       = cosine(creator_fan[c],    merchant_wanted[m])  - 0.5
    price_fit = creator_buyer[c] · segment_price_band[:, band of p] - 0.3
    tone      = creator_tone[c] · merchant_tone[m]
    e         = experience of m - 8

## One promotion on average

    organic    = exp(exposures_level + exposures_followers · ln(followers) + reach
                     + traffic of c + traffic of m + exposures_viewer_fit · viewer
                     + exposures_experience · e + exposures_pair · luck(exposures_key))
    exposures  = organic · (1 + paid · (paid_boost + paid_lift)) · Σ_f w_f
    w_f        = formats[f] · format_exposures[f]         f = live, video, showcase
    w_live    *= 1 + dedicated · (dedicated_exposures - 1)
    click_rate = logistic(click_level + click_viewer_fit · viewer + click_hook · hook
                          + click_appeal · appeal)
    conversion = logistic(conversion_level + conversion_buyer_fit · buyer
                          + conversion_price_fit · price_fit + conversion_tone · tone
                          + conversion_skill · skill + conversion_quality · quality
                          + conversion_experience · e + conversion_price · ln(price / 100)
                          + conversion_pair · luck(conversion_key))
    refund_f   = logistic(refund_level + refund_format[f] + refund_quality · quality
                          + refund_experience · e + refund_buyer_fit · buyer)
    refund     = Σ_f w_f · refund_f / Σ_f w_f
    orders     = exposures · click_rate · conversion
    gmv        = orders · price
    fee        = slot_fee · Σ_f v_f,   v_f = formats[f] · fee_format[f]
    v_live    *= 1 + dedicated · (dedicated_fee - 1)
    net        = gmv · (1 - refund) · (1 - max(commission_rate of p, of c)) - fee
    acceptance = logistic(acceptance_level + acceptance_fan_fit · fan
                          + acceptance_experience · e
                          + acceptance_standing · (log10(followers) - 4)
                          + acceptance_size · size)

Without a product, sums over m's products weighted by `pick`; rates are ratios of those sums.

`luck(key)` is a standard normal number that belongs to the pair: x = m · 2^32 + c, exclusive-or
key; a = splitmix64(x), b = splitmix64(a); u = ((a >> 11) + 1/2) / 2^53, v likewise from b;
luck = sqrt(-2 ln u) · cos(2 pi v).

## One promotion drawn

Format by `formats`; a live one dedicated with probability `dedicated`. Organic exposures are
multiplied by a log-normal of mean one: exposures_session_noise (shared by a session) and
exposures_row_noise are its standard deviations. With probability `paid` they are lifted by
paid_lift, and paid exposures come on top: a Gamma of shape 2 and mean paid_boost, times organic.
Rates vary around their means by Beta distributions with sums of parameters click_concentration and
conversion_concentration; clicks, orders and refunds are binomial. The price paid varies by a
log-normal of mean one and standard deviation item_price_noise.

In the market's tables also: campaigns add 0.35 to ln(exposures) and 0.15 to the logit of
conversion; exposures fade by 7 % from product to product in a session and by 5 % with each
cooperation beyond the usual in a week; of a promotion's orders 1 - 0.35 exp(-days / 2) have arrived
after some days, of its refunds 1 - exp(-(days / 8)^1.2).
"""
