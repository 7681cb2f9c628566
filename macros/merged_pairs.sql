{% macro merged_pairs(loaded, mart, has_all_pairs) -%}
    {#- Which of two ratings is the later one shows in most rows: no event of the one was before any
    of the other. Where it does not, or rows are missing, the pair is made from all its events. -#}
    select
        loaded.user_id as user_id,
        loaded.movie_id as movie_id,
        multiIf(
            was.rating is null, loaded.rating,
            loaded.rating is null, was.rating,
            loaded.rated_from > was.last_interacted_at, loaded.rating,
            was.rating
        ) as rating,
        toUInt32(was.watch_count + loaded.watch_count) as watch_count,
        if(
            was.had_row,
            least(was.first_interacted_at, loaded.first_interacted_at),
            loaded.first_interacted_at
        ) as first_interacted_at,
        greatest(was.last_interacted_at, loaded.last_interacted_at) as last_interacted_at,
        was.had_row as had_row,
        if(
            {{ 'true' if has_all_pairs else 'false' }}
            and (
                was.rating is null
                or loaded.rating is null
                or loaded.rated_from > was.last_interacted_at
                or was.rated_from > loaded.last_interacted_at
            ),
            'two rows',
            'all events'
        ) as made_from
    from (
        select
            *,
            -- Without watch events the latest event is the latest rating.
            if(watch_count = 0, last_interacted_at, first_interacted_at) as rated_from
        from {{ loaded }}
    ) as loaded
    left join (
        select
            user_id,
            movie_id,
            rating,
            watch_count,
            first_interacted_at,
            last_interacted_at,
            if(watch_count = 0, last_interacted_at, first_interacted_at) as rated_from,
            true as had_row
        from {{ mart }}
        -- The one column that tells most rows apart first; the others are read only where both
        -- hold, and most nights bring new pairs of few users.
        prewhere
            user_id in (select user_id from {{ loaded }})
            and (user_id, movie_id) in (select user_id, movie_id from {{ loaded }})
    ) as was
        on loaded.user_id = was.user_id and loaded.movie_id = was.movie_id
{%- endmacro %}
