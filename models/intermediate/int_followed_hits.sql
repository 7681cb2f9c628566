with

followed_lists as (

    select * from {{ ref('int_followed_lists') }}

),

lives as (

    select
        published_at,
        run_id,
        1 as everything
    from {{ ref('int_publications') }}

),

interactions as (

    select * from {{ ref('mart_user_movie_matrix') }}

),

impressions as (

    select
        user_id,
        movie_id,
        shown_at,
        -- A join by time alone wants something that is equal, too.
        1 as everything
    from {{ ref('stg_dataflix__impressions') }}

),

reach as (

    select least(max(last_interacted_at), now64(3, 'UTC')) as known_until
    from interactions

),

firsts as (

    select
        user_id,
        movie_id,
        first_interacted_at
    from interactions
    where first_interacted_at >= (select min(followed_lists.published_at) from followed_lists)

),

shown as (

    -- Whatever was shown comes from the publication that was live then.
    select
        lives.published_at as published_at,
        lives.run_id as run_id,
        impressions.user_id as user_id,
        impressions.movie_id as movie_id,
        min(impressions.shown_at) as shown_at
    from impressions
    asof join lives
        on
            impressions.everything = lives.everything
            and impressions.shown_at >= lives.published_at
    where impressions.shown_at >= (select min(followed_lists.published_at) from followed_lists)
    group by
        published_at,
        run_id,
        user_id,
        movie_id

),

timed as (

    -- What never happened has the time 0, or none where the type allows that.
    select
        followed_lists.published_at as published_at,
        followed_lists.run_id as run_id,
        followed_lists.user_id as user_id,
        followed_lists.rank as rank,
        followed_lists.reason as reason,
        followed_lists.arm as arm,
        {{ 'shown.shown_at' if var('impressions') else 'followed_lists.published_at' }} as shown_at,
        own.first_interacted_at as own_at,
        popular.first_interacted_at as popular_at
    from followed_lists
    left join firsts as own
        on
            followed_lists.user_id = own.user_id
            and followed_lists.movie_id = own.movie_id
    left join firsts as popular
        on
            followed_lists.user_id = popular.user_id
            and followed_lists.popular_movie_id = popular.movie_id
    {%- if var('impressions') %}
        left join shown
            on
                followed_lists.published_at = shown.published_at
                and followed_lists.run_id = shown.run_id
                and followed_lists.user_id = shown.user_id
                and followed_lists.movie_id = shown.movie_id
    {%- endif %}

),

judged as (

    select
        timed.published_at as published_at,
        timed.run_id as run_id,
        timed.user_id as user_id,
        timed.rank as rank,
        timed.reason as reason,
        timed.arm as arm,
        coalesce(timed.shown_at >= timed.published_at, false) as is_shown,
        timed.shown_at as shown_at,
        is_shown and coalesce(timed.own_at >= timed.shown_at, false) as is_hit,
        timed.own_at as hit_at,
        is_shown and coalesce(timed.popular_at >= timed.shown_at, false) as is_popular_hit,
        timed.popular_at as popular_hit_at,
        assumeNotNull((select reach.known_until from reach)) as known_until
    from timed

)

select * from judged
