{{
    config(
        engine='MergeTree',
        order_by='(user_id, movie_id)',
        query_settings={'max_bytes_before_external_group_by': var('spill_after_bytes')},
        persist_docs={'relation': false, 'columns': true},
        post_hook='{{ stamp_invocation() }}',
    )
}}

with

interactions as (

    select * from {{ ref('int_user_movie_interactions') }}

),

scored as (

    select
        user_id,
        movie_id,
        toFloat32(
            {{ var('rating_weight') }} * coalesce(rating, 0)
            + {{ var('watched_weight') }} * (watch_count > 0)
        ) as interaction_score,
        rating,
        watch_count,
        first_interacted_at,
        last_interacted_at
    from interactions

),

positive as (

    -- NMF takes positive scores only; weights of zero are what can make one zero.
    select * from scored
    where interaction_score > 0

)

select * from positive
