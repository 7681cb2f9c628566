with

source as (

    select * from {{ source('recommender', 'training_runs') }}

),

ranked as (

    select
        -- ids
        run_id,
        model_name,
        model_version,
        dbt_invocation_id,
        git_commit,

        -- numerics
        users,
        movies,
        interactions,
        recommendations,

        -- maps
        params,
        metrics,

        -- booleans
        toBool(row_number() over (order by published_at desc, run_id desc) = 1) as is_current,

        -- timestamps
        published_at

    from source

)

select * from ranked
