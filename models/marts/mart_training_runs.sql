{{
    config(
        order_by='(recorded_at, run_id)',
    )
}}

with

publications as (

    select * from {{ ref('int_publications') }}

),

refused_runs as (

    select * from {{ ref('stg_recommender__refused_runs') }}

),

published as (

    -- Every publication of a run repeats the same facts; only the time differs.
    select
        publications.run_id as run_id,
        any(publications.mlflow_run_id) as mlflow_run_id,
        any(publications.model_name) as model_name,
        any(publications.model_version) as model_version,
        any(publications.dataset_id) as dataset_id,
        any(publications.dataset_label) as dataset_label,
        max(publications.is_current) as is_current,
        count() as publication_count,
        min(publications.published_at) as first_time,
        max(publications.published_at) as last_time,
        any(publications.user_count) as user_count,
        any(publications.movie_count) as movie_count,
        any(publications.interaction_count) as interaction_count,
        any(publications.recommendation_count) as recommendation_count,
        any(publications.params) as params,
        any(publications.metrics) as metrics,
        any(publications.dbt_invocation_id) as dbt_invocation_id,
        any(publications.git_commit) as git_commit
    from publications
    group by publications.run_id

),

runs as (

    select
        run_id,
        mlflow_run_id,
        if(run_id = mlflow_run_id, 'train', 'score') as kind,
        '' as refused_because,
        model_name,
        model_version,
        dataset_id,
        dataset_label,
        is_current,
        publication_count,
        first_time as recorded_at,
        toNullable(first_time) as first_published_at,
        toNullable(last_time) as last_published_at,
        user_count,
        movie_count,
        interaction_count,
        recommendation_count,
        params,
        metrics,
        dbt_invocation_id,
        git_commit
    from published

    union all

    select
        run_id,
        mlflow_run_id,
        'refused' as kind,
        refused_because,
        model_name,
        model_version,
        dataset_id,
        dataset_label,
        false as is_current,
        0 as publication_count,
        refused_at as recorded_at,
        null as first_published_at,
        null as last_published_at,
        user_count,
        movie_count,
        interaction_count,
        0 as recommendation_count,
        params,
        metrics,
        dbt_invocation_id,
        git_commit
    from refused_runs

),

measured as (

    select
        run_id,
        mlflow_run_id,
        toLowCardinality(kind) as kind,
        toLowCardinality(multiIf(is_current, 'live', kind = 'refused', 'refused', 'earlier'))
            as status,
        refused_because,
        toLowCardinality(model_name) as model_name,
        accurateCastOrNull(model_version, 'UInt32') as model_version,
        toLowCardinality(dataset_id) as dataset_id,
        toLowCardinality(dataset_label) as dataset_label,
        toBool(is_current) as is_current,
        toUInt32(publication_count) as publication_count,
        recorded_at,
        first_published_at,
        last_published_at,
        user_count,
        movie_count,
        interaction_count,
        recommendation_count,

        -- how it was made
        toLowCardinality(params['algorithm']) as algorithm,
        accurateCastOrNull(params['n_components'], 'UInt32') as n_components,
        accurateCastOrNull(params['top'], 'UInt32') as top,
        params,

        -- over all cells
        {{ metric('rmse') }},
        {{ metric('mae') }},
        {{ metric('reconstruction_error') }},
        {{ metric('sparsity') }},

        -- over the stored cells
        {{ metric('rmse_observed') }},
        {{ metric('mae_observed') }},

        -- ranking of held-out interactions
        {{ metric('ndcg_at_10') }},
        {{ metric('recall_at_10') }},
        {{ metric('precision_at_10') }},
        {{ metric('map_at_10') }},
        {{ metric('hit_rate_at_10') }},
        {{ metric('catalogue_coverage', 'holdout_coverage') }},
        {{ metric('mean_popularity_rank') }},

        -- what the lists are like, whether or not they hit
        {{ metric('gini_index') }},
        {{ metric('novelty') }},
        {{ metric('long_tail_share') }},
        {{ metric('intra_list_diversity') }},
        {{ metric('genre_miscalibration') }},

        -- the baselines' ranking of the same
        {{ metric('popularity_ndcg_at_10') }},
        {{ metric('puresvd_ndcg_at_10') }},

        dbt_invocation_id,
        git_commit
    from runs

)

select * from measured
