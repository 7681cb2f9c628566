{{
    config(
        order_by='(user_id, movie_id)',
        indexes=[{
            'name': 'first_interacted_at',
            'definition': 'first_interacted_at type minmax granularity 1',
        }],
        query_settings={
            'max_bytes_before_external_group_by': var('spill_after_bytes'),
            'min_insert_block_size_rows': 4000000,
            'min_insert_block_size_bytes': 0,
        },
        persist_docs={'relation': false, 'columns': true},
        meta={'rebuild_touched_pairs': true},
        post_hook='{{ stamp_invocation() }}',
    )
}}

{#- Rows are inserted four million at a time and not one, since each block becomes a part, and what
reads the mart in order has to merge the parts. With the index, what asks for the interactions since
a publication passes over the users who had none. -#}

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
