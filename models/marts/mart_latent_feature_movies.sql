{{
    config(
        order_by='(feature, place)',
    )
}}

with

features as (

    select * from {{ ref('mart_latent_features') }}

),

unfolded as (

    select
        feature,
        concat(toString(feature), '  ', label) as feature_label,
        place,
        movie_id,
        title as movie_label,
        weight
    from features
    array join
        arrayMap(place -> toUInt8(place), arrayEnumerate(titles)) as place,
        movie_ids as movie_id,
        titles as title,
        weights as weight

)

select * from unfolded
