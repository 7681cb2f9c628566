{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        full_refresh=false,
        on_schema_change='append_new_columns',
        order_by='(published_at, run_id, user_id, rank)',
        ttl='toDateTime(published_at) + interval 60 day',
        query_settings={
            'min_insert_block_size_rows': 4000000,
            'min_insert_block_size_bytes': 0,
            'max_insert_threads': 1,
        },
    )
}}

{#- One block and one thread: a block arrives whole or not at all, and half a publication would be
taken for a whole one. -#}

{#- Numbers instead of text: millions of rows are grouped and joined by them. -#}
{%- set country = "if(empty(trim(country)), 0, cityHash64(upper(trim(country))))" %}

with

to_follow as (

    -- One value, which is worked out once; the rows below are, as often as they are read.
    select groupArray((published_at, run_id)) as publications
    from {{ ref('int_publications') }}
    where
        is_of_this_dataset
        and published_at > now64(3, 'UTC') - interval 35 day
        {%- if is_incremental() %}
            and (published_at, run_id) not in (select
                published_at,
                run_id
            from {{ this }})
        {%- endif %}

),

publications as (

    select
        arrayJoin((select to_follow.publications from to_follow)) as time_and_run,
        time_and_run.1 as published_at,
        time_and_run.2 as run_id,
        cityHash64(published_at, run_id) as publication

),

recommendations as (

    select * from {{ ref('stg_recommender__recommendations') }}
    where run_id in (select publications.run_id from publications)

),

interactions as (

    select * from {{ ref('mart_user_movie_matrix') }}

),

movie_ratings as (

    select * from {{ ref('int_movie_ratings') }}

),

recommendable_movies as (

    select
        movie_id,
        {{ country }} as country
    from {{ ref('int_recommendable_movies') }}

),

users as (

    select
        user_id,
        {{ country }} as country
    from {{ ref('mart_users', v=1) }}

),

run_sizes as (

    select
        run_id,
        countIf(rank = 1) as user_count,
        toUInt32(max(rank)) as longest_list
    from recommendations
    group by run_id

),

smallest as (

    select min(user_count) as user_count from run_sizes

),

followed as (

    select
        publications.published_at as published_at,
        publications.run_id as run_id,
        publications.publication as publication,
        {%- if var('outcomes_users') %}
            {{ var('outcomes_users') | int }} / run_sizes.user_count as share,
        {%- endif %}
        run_sizes.longest_list as longest_list
    from publications
    inner join run_sizes on publications.run_id = run_sizes.run_id

),

lists as (

    select
        followed.published_at as published_at,
        followed.run_id as run_id,
        followed.publication as publication,
        recommendations.user_id as user_id,
        recommendations.rank as rank,
        recommendations.reason as reason,
        recommendations.arm as arm,
        recommendations.movie_id as movie_id
    from recommendations
    inner join followed on recommendations.run_id = followed.run_id
    {%- if var('outcomes_users') %}
        where
            cityHash64('outcomes', recommendations.user_id) / pow(2, 64) < followed.share
            -- The same of all, so that most lists are not read any further.
            and cityHash64('outcomes', recommendations.user_id) / pow(2, 64)
            < {{ var('outcomes_users') | int }} / (select smallest.user_count from smallest)
    {%- endif %}

),

audiences as (

    -- Users of countries without movies of their own are one audience, whose country is 0.
    select
        user_id,
        country
    from users
    where country in (select recommendable_movies.country from recommendable_movies)

),

countries as (

    select toUInt64(0) as country

    union distinct

    select country from recommendable_movies

),

shown_movies as (

    select
        movie_id,
        country
    from recommendable_movies

    union distinct

    select
        recommendable_movies.movie_id as movie_id,
        countries.country as country
    from recommendable_movies
    cross join countries
    where recommendable_movies.country = 0

),

-- Everything below is known from what happened before the publication.
popularity_now as (

    select
        movie_id,
        sum(user_count) as user_count
    from movie_ratings
    group by movie_id

),

earliest as (

    select min(published_at) as published_at from publications

),

came_later as (

    select
        publications.publication as publication,
        interactions.movie_id as movie_id,
        count() as user_count
    from interactions
    cross join publications
    where
        interactions.first_interacted_at >= publications.published_at
        and interactions.first_interacted_at
        >= (select earliest.published_at from earliest)
    group by
        publication,
        movie_id

),

popularity as (

    -- Not counted directly: for that, two columns of every interaction would have to be read.
    select
        publications.publication as publication,
        publications.published_at as published_at,
        popularity_now.movie_id as movie_id,
        popularity_now.user_count - came_later.user_count as user_count
    from popularity_now
    cross join publications
    left join came_later
        on
            publications.publication = came_later.publication
            and popularity_now.movie_id = came_later.movie_id
    where popularity_now.user_count > came_later.user_count

),

places as (

    select
        popularity.publication as publication,
        popularity.published_at as published_at,
        shown_movies.country as country,
        popularity.movie_id as movie_id,
        row_number() over (
            partition by
                popularity.publication,
                shown_movies.country
            order by
                popularity.user_count desc,
                popularity.movie_id asc
        ) as place
    from popularity
    inner join shown_movies on popularity.movie_id = shown_movies.movie_id

),

histories as (

    select
        interactions.user_id as user_id,
        interactions.movie_id as movie_id,
        interactions.first_interacted_at as first_interacted_at,
        audiences.country as country
    from interactions
    left join audiences on interactions.user_id = audiences.user_id
    {%- if var('outcomes_users') %}
        -- Not `in` the users of the lists: these would be worked out once more.
        where
            cityHash64('outcomes', interactions.user_id) / pow(2, 64)
            < {{ var('outcomes_users') | int }} / (select smallest.user_count from smallest)
    {%- endif %}

),

seen as (

    select
        places.publication as publication,
        histories.user_id as user_id,
        arraySort(groupArray(toInt64(places.place))) as seen_places
    from histories
    inner join places
        on
            histories.movie_id = places.movie_id
            and histories.country = places.country
    where histories.first_interacted_at < places.published_at
    group by
        publication,
        user_id

),

seen_of_lists as (

    select
        seen.publication as publication,
        seen.user_id as user_id,
        seen.seen_places as seen_places,
        followed.longest_list as longest_list
    from seen
    inner join followed on seen.publication = followed.publication

),

steps as (

    -- How many unseen movies come before each seen one.
    select
        publication,
        user_id,
        longest_list,
        arrayMap((place, number) -> place - number, seen_places, arrayEnumerate(seen_places))
            as unseen_before
    from seen_of_lists

),

unseen as (

    -- One short array a user: what was seen, once for each rank, would fill the memory.
    select
        publication,
        user_id,
        arrayMap(
            wanted -> wanted + arrayCount(before -> before < wanted, unseen_before),
            range(1, longest_list + 1)
        ) as unseen_places
    from steps

),

placed as (

    select
        lists.published_at as published_at,
        lists.run_id as run_id,
        lists.publication as publication,
        lists.user_id as user_id,
        lists.rank as rank,
        lists.reason as reason,
        lists.arm as arm,
        lists.movie_id as movie_id,
        audiences.country as country,
        if(empty(unseen.unseen_places), lists.rank, unseen.unseen_places[lists.rank])
            as popular_place
    from lists
    left join unseen
        on
            lists.publication = unseen.publication
            and lists.user_id = unseen.user_id
    left join audiences on lists.user_id = audiences.user_id

),

with_popular as (

    select
        placed.published_at as published_at,
        placed.run_id as run_id,
        placed.user_id as user_id,
        placed.rank as rank,
        placed.reason as reason,
        placed.arm as arm,
        placed.movie_id as movie_id,
        places.movie_id as popular_movie_id
    from placed
    left join places
        on
            placed.publication = places.publication
            and placed.country = places.country
            and placed.popular_place = places.place

)

select * from with_popular
