{#- The interactions are sorted by user: each user's are added up as they come. -#}
{{
    config(
        order_by='user_id',
        query_settings={'optimize_aggregation_in_order': 1},
    )
}}

with

users as (

    select * from {{ ref('stg_dataflix__users') }}

),

interactions as (

    select * from {{ ref('mart_user_movie_matrix') }}

),

activity as (

    select
        user_id,
        toUInt32(count()) as movie_count,
        toUInt32(countIf(watch_count > 0)) as watched_movie_count,
        toUInt32(sum(watch_count)) as watch_event_count,
        toUInt32(count(rating)) as rated_movie_count,
        avg(rating) as average_rating,
        toNullable(min(first_interacted_at)) as first_interacted_at,
        toNullable(max(last_interacted_at)) as last_interacted_at
    from interactions
    group by user_id

),

joined as (

    select
        users.user_id as user_id,
        users.country as country,
        nullIf(users.signed_up_at, toDateTime64(0, 3, 'UTC')) as signed_up_at,
        activity.movie_count as movie_count,
        activity.watched_movie_count as watched_movie_count,
        activity.watch_event_count as watch_event_count,
        activity.rated_movie_count as rated_movie_count,
        activity.average_rating as average_rating,
        activity.first_interacted_at as first_interacted_at,
        activity.last_interacted_at as last_interacted_at
    from users
    left join activity on users.user_id = activity.user_id

)

select * from joined
